import type { Plugin } from "esbuild";

/**
 * The text of the module that yargs uses in the executable to access the system. The original module would read a
 * translation beside the executable, and the nearest `package.json` above the working directory. These files could
 * belong to the application. The original module would also load code that lays out help texts. Loading this code would
 * take half of a tool's start time. The tools format their help themselves, and English needs no translation.
 */
const YARGS_PLATFORM = `
import { basename, dirname, extname, join, relative, resolve } from "node:path";
import { format, inspect } from "node:util";
import Parser from "yargs-parser";

const unused = () => {
  throw new Error("the tools do not use this part of yargs");
};
const check = (holds) => {
  if (!holds) throw new Error("yargs: wrong arguments");
};
const texts = {};

export default {
  assert: {
    notStrictEqual: (one, other) => check(!Object.is(one, other)),
    strictEqual: (one, other) => check(Object.is(one, other)),
  },
  cliui: unused,
  findUp: () => undefined,
  getCallerFile: unused,
  getEnv: () => undefined,
  getProcessArgvBin: () => "",
  inspect,
  mainFilename: "/",
  Parser,
  path: { basename, dirname, extname, join, relative, resolve },
  process: {
    argv: () => [],
    cwd: () => "/",
    emitWarning: unused,
    execPath: () => process.execPath,
    exit: unused,
    nextTick: process.nextTick,
    stdColumns: null,
  },
  readdirSync: unused,
  readFileSync: unused,
  require: unused,
  stringWidth: unused,
  y18n: {
    __: (text, ...values) => format(texts[text] ?? text, ...values),
    __n: (one, other, count, ...values) => {
      const text = texts[one]?.[count === 1 ? "one" : "other"] ?? (count === 1 ? one : other);
      return format(text, ...(text.includes("%d") ? [count] : []), ...values);
    },
    getLocale: () => "en",
    setLocale: () => {},
    updateLocale: (changes) => Object.assign(texts, changes),
  },
};
`;

/** Replaces the module that yargs uses to access the system. The new module is {@link YARGS_PLATFORM}. */
export const yargsPlatform: Plugin = {
  name: "yargs-platform",
  setup: ({ onLoad }) => {
    onLoad({ filter: /\/yargs\/lib\/platform-shims\/esm\.mjs$/ }, () => ({ contents: YARGS_PLATFORM, loader: "js" }));
  },
};
