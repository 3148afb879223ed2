import { join } from "node:path";

/** The repository's folder. */
export const ROOT: string = join(import.meta.dirname, "..");

/** What is fetched or made once and may be thrown away at any time. */
export const CACHE: string = join(ROOT, ".cache");

/** The executables for this machine. */
export const DIST: string = join(ROOT, "dist");
