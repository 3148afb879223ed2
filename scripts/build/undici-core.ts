import type { Plugin } from "esbuild";

/**
 * The parts of undici that we use, as its own main file puts them together. That one loads all there is, `fetch`, mocks,
 * caches and web sockets included: it takes the sidecar longer to load than to push.
 */
const CORE = `
Object.assign(require("undici/lib/dispatcher/dispatcher.js").prototype, require("undici/lib/api/index.js"));
exports.Agent = require("undici/lib/dispatcher/agent.js");
exports.ProxyAgent = require("undici/lib/dispatcher/proxy-agent.js");
exports.buildConnector = require("undici/lib/core/connect.js");
exports.errors = require("undici/lib/core/errors.js");
`;

/** Puts undici's core in the place of undici, and nothing in the place of its HTTP/2, which we do not speak. */
export const undiciCore: Plugin = {
  name: "undici-core",
  setup: ({ onResolve, onLoad }) => {
    const namespace = "undici-core";
    onLoad({ filter: /\/undici\/lib\/dispatcher\/client-h2\.js$/ }, () => ({ contents: "" }));
    onResolve({ filter: /^undici$/ }, ({ path, resolveDir }) => ({ path, namespace, pluginData: resolveDir }));
    onLoad({ filter: /.*/, namespace }, ({ pluginData }) => ({ contents: CORE, resolveDir: pluginData as string }));
  },
};
