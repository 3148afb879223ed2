import { join } from "node:path";

/** The repository's folder. */
export const ROOT: string = join(import.meta.dirname, "..");

/** The folder for downloads and builds. You can delete it at any time. */
export const CACHE: string = join(ROOT, ".cache");

/** The folder with the executables for this machine. */
export const DIST: string = join(ROOT, "dist");

/** The folder with the pinned versions of other projects' clients and registries. */
export const PINNED_CLIENTS: string = join(ROOT, "support", "clients");
