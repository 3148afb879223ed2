import { join } from "node:path";
import { type BuildOptions, build, type Metafile, type Plugin } from "esbuild";
import { ROOT } from "../../support/paths.ts";

const FOLDER = join(ROOT, "packages", "oras-push", "src", "layer");

/**
 * Replaces the module that starts a thread. The new module contains the script of the thread. This is necessary because
 * the executable contains no files. `options` are the options of the bundle. `onBundle` receives esbuild's list of the
 * script's sources.
 */
export function embeddedThread(options: BuildOptions, onBundle: (metafile: Metafile) => void): Plugin {
  return {
    name: "embedded-thread",
    setup: ({ onLoad }) => {
      onLoad({ filter: /\/layer\/start-thread\.ts$/ }, async () => {
        const entryPoints = [join(FOLDER, "thread.ts")];
        const { outputFiles, metafile } = await build({ ...options, entryPoints, write: false, metafile: true });
        onBundle(metafile);
        const script = JSON.stringify(outputFiles[0]?.text);
        return {
          contents: `
            import { Worker } from "node:worker_threads";
            export const startThread = (options) => new Worker(${script}, { ...options, eval: true });`,
          resolveDir: FOLDER,
        };
      });
    },
  };
}
