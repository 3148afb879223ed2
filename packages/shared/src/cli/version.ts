import manifest from "../../package.json" with { type: "json" };

/** The version of the tools. */
export const VERSION: string = manifest.version;
