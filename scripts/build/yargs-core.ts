import type { Plugin } from "esbuild";

/**
 * Has yargs load what lays out its help only when it writes one: what measures the width of text brings all that ICU knows
 * of Unicode, which takes as long to load as everything else that a tool needs for its start.
 */
export const yargsCore: Plugin = {
  name: "yargs-core",
  setup: ({ onResolve, onLoad }) => {
    const namespace = "yargs-core";
    onResolve({ filter: /^(cliui|string-width)$/ }, ({ path, importer, resolveDir }) =>
      /\/yargs\/lib\/platform-shims\/esm\.mjs$/.test(importer)
        ? { path, namespace, pluginData: resolveDir }
        : undefined,
    );
    onLoad({ filter: /.*/, namespace }, ({ path, pluginData }) => ({
      contents: `module.exports = (...args) => require(${JSON.stringify(path)}).default(...args);`,
      resolveDir: pluginData as string,
    }));
  },
};
