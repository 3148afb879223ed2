import type { Plugin } from "esbuild";

/**
 * A module with the exports of undici that the tools use, made from undici's parts like undici's own main file. That file also
 * loads `fetch`, mocks, caches and web sockets: loading them takes longer than a small push.
 */
export const UNDICI_CORE = `
Object.assign(require("undici/lib/dispatcher/dispatcher.js").prototype, require("undici/lib/api/index.js"));
exports.Agent = require("undici/lib/dispatcher/agent.js");
exports.ProxyAgent = require("undici/lib/dispatcher/proxy-agent.js");
exports.buildConnector = require("undici/lib/core/connect.js");
exports.errors = require("undici/lib/core/errors.js");
`;

/** Replaces undici by {@link UNDICI_CORE}, and its HTTP/2 client, which the tools do not use, by an empty module. */
export const undiciCore: Plugin = {
  name: "undici-core",
  setup: ({ onResolve, onLoad }) => {
    const namespace = "undici-core";
    onLoad({ filter: /\/undici\/lib\/dispatcher\/client-h2\.js$/ }, () => ({ contents: "" }));
    onResolve({ filter: /^undici$/ }, ({ path, resolveDir }) => ({ path, namespace, pluginData: resolveDir }));
    onLoad({ filter: /.*/, namespace }, ({ pluginData }) => ({
      contents: UNDICI_CORE,
      resolveDir: pluginData as string,
    }));
  },
};
