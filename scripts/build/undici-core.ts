import type { Plugin } from "esbuild";

/**
 * The text of a module that replaces undici's main file. The module contains only the exports that the tools use. The
 * main file also loads `fetch`, mocks, caches and web sockets. Loading these parts takes longer than a small push.
 */
export const UNDICI_CORE = `
Object.assign(require("undici/lib/dispatcher/dispatcher.js").prototype, require("undici/lib/api/index.js"));
exports.Agent = require("undici/lib/dispatcher/agent.js");
exports.ProxyAgent = require("undici/lib/dispatcher/proxy-agent.js");
exports.buildConnector = require("undici/lib/core/connect.js");
exports.errors = require("undici/lib/core/errors.js");
`;

/**
 * The files of undici that become empty modules. The tools do not use HTTP/2. They also send no `FormData`, and
 * undici's client needs the files of `web/` only for `FormData`. undici has two HTTP parsers. Without the parser that
 * uses SIMD instructions, undici uses the parser that works on every processor.
 */
const UNUSED = /\/undici\/lib\/(dispatcher\/client-h2|llhttp\/llhttp_simd-wasm|web\/.*)\.js$/;

/** Replaces undici with {@link UNDICI_CORE}, and the files in {@link UNUSED} with empty modules. */
export const undiciCore: Plugin = {
  name: "undici-core",
  setup: ({ onResolve, onLoad }) => {
    const namespace = "undici-core";
    onLoad({ filter: UNUSED }, () => ({ contents: "" }));
    onResolve({ filter: /^undici$/ }, ({ path, resolveDir }) => ({ path, namespace, pluginData: resolveDir }));
    onLoad({ filter: /.*/, namespace }, ({ pluginData }) => ({
      contents: UNDICI_CORE,
      resolveDir: pluginData as string,
    }));
  },
};
