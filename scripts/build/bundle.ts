import { join } from "node:path";
import { type BuildOptions, build, type Metafile } from "esbuild";
import { ROOT } from "../../support/paths.ts";
import { embeddedThread } from "./embedded-thread.ts";
import { undiciCore } from "./undici-core.ts";
import { yargsPlatform } from "./yargs-platform.ts";

/** The tools in the executable. */
export const TOOLS = ["launcher", "wait-fs", "oras-push"] as const;

const FOLDER = join(ROOT, "scripts", "build");

/**
 * Bundles a tool into one CommonJS file. Returns esbuild's list of the sources, including the sources of embedded
 * threads.
 */
export function bundleTool(tool: (typeof TOOLS)[number], outfile: string): Promise<Metafile> {
  const contents = `export { main } from "${tool}/main"; export { runProcess } from "shared/cli/process";`;
  return bundle({ stdin: { contents, resolveDir: ROOT }, outfile });
}

/** Bundles the script that selects the tool by the name of the executable. Returns esbuild's list of the sources. */
export function bundleExecutable(outfile: string): Promise<Metafile> {
  return bundle({ entryPoints: [join(FOLDER, "executable.ts")], outfile });
}

/** The options of each bundle. */
const OPTIONS = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "node26",
  // A script in a single executable is not a module, and has only `require` at run time.
  supported: { "dynamic-import": false },
  minify: true,
  legalComments: "none",
  // yargs-parser reads `import.meta.url`, but loads nothing from this URL. With a true `import.meta.main`, a tool would
  // start twice. With a defined `esbuildDetection`, undici omits its experimental parser, as in Node's own undici.
  define: { "import.meta.url": '"file:///"', "import.meta.main": "false", esbuildDetection: "true" },
  logLevel: "error",
} as const satisfies BuildOptions;

async function bundle(source: Pick<BuildOptions, "entryPoints" | "stdin" | "outfile">): Promise<Metafile> {
  const embedded: Metafile[] = [];
  const plugins = [undiciCore, yargsPlatform, embeddedThread(OPTIONS, (metafile) => embedded.push(metafile))];
  const { metafile } = await build({ ...OPTIONS, ...source, plugins, metafile: true });
  const all = [metafile, ...embedded];
  return {
    inputs: Object.assign({}, ...all.map(({ inputs }) => inputs)),
    outputs: Object.assign({}, ...all.map(({ outputs }) => outputs)),
  };
}
