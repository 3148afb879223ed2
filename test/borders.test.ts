/** The borders between the folders: which files may import which other files. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, it } from "node:test";
import { ROOT } from "../support/paths.ts";

const TOOLS = ["wait-fs", "launcher", "oras-push"] as const;

/** The paths of the tools' source files, relative to the root. */
const SOURCES = globSync("packages/*/src/**/*.ts", { cwd: ROOT });

interface Import {
  /** The importing file, from the root. */
  readonly file: string;
  /** The path of the imported file, relative to the root, or the name of a library. */
  readonly target: string;
}

const IMPORTS: readonly Import[] = [...SOURCES, ...globSync("{scripts,support}/**/*.ts", { cwd: ROOT })].flatMap(
  (file) => {
    const targets = [...textOf(file).matchAll(/(?:\bfrom|\bimport)\s*\(?\s*"([^"]+)"/g)];
    return targets.map(([, specifier = ""]) => ({ file, target: resolveImport(file, specifier) }));
  },
);

function textOf(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}

/** Returns the path of the imported file, relative to the root. For a library, returns the name of the library. */
function resolveImport(file: string, specifier: string): string {
  if (specifier.startsWith(".")) return normalize(join(dirname(file), specifier));
  const [name = "", ...path] = specifier.split("/");
  const own = name === "shared" || (TOOLS as readonly string[]).includes(name);
  return own ? `packages/${name}/src/${path.join("/")}.ts` : specifier;
}

/**
 * Asserts that no file that matches `from` imports a file or a library that matches `to`. Paths are relative to the
 * root.
 */
function neverImports(from: RegExp, to: RegExp): void {
  assert.ok(
    IMPORTS.some(({ file }) => from.test(file)),
    `no file matches ${from}`,
  );
  assert.deepEqual(
    IMPORTS.filter(({ file, target }) => from.test(file) && to.test(target)),
    [],
  );
}

/** Asserts that some file imports `library`, and that each file in `packages/` that imports it matches `room`. */
function onlyRoom(room: RegExp, library: RegExp): void {
  const files = IMPORTS.filter(({ target }) => library.test(target)).map(({ file }) => file);
  assert.ok(files.length > 0, `no file imports ${library}`);
  assert.deepEqual(
    files.filter((file) => file.startsWith("packages/") && !room.test(file)),
    [],
  );
}

/** Asserts that some source file contains `code`, and that all such files match `room`. */
function onlyIn(room: RegExp, code: RegExp): void {
  const files = SOURCES.filter((file) => code.test(textOf(file)));
  assert.ok(files.length > 0, `no file contains ${code}`);
  assert.deepEqual(
    files.filter((file) => !room.test(file)),
    [],
  );
}

/** Returns the first circle of imports, including type imports. Returns undefined if there is no circle. */
function findCircle(imports: readonly Import[]): readonly string[] | undefined {
  const targets = Map.groupBy(imports, ({ file }) => file);
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): readonly string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const { target } of targets.get(file) ?? []) {
      const circle = visit(target, [...path, file]);
      if (circle !== undefined) return circle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of targets.keys()) {
    const circle = visit(file, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

describe("imports", () => {
  it("resolve to files that exist", () => {
    const files = new Set([...SOURCES, ...globSync("**/*.{ts,json}", { cwd: ROOT, exclude: ["**/node_modules"] })]);
    const missing = IMPORTS.filter(({ target }) => /^(packages|scripts|support|test)\//.test(target)).filter(
      ({ target }) => !files.has(target),
    );
    assert.deepEqual(missing, []);
  });

  it("have no circle", () => {
    assert.equal(findCircle(IMPORTS), undefined);
    assert.deepEqual(
      findCircle([
        { file: "a", target: "b" },
        { file: "b", target: "c" },
        { file: "c", target: "b" },
      ]),
      ["b", "c", "b"],
      "a circle is found",
    );
  });

  for (const tool of TOOLS)
    it(`of ${tool} lead to shared, and never to another tool`, () => {
      const others = TOOLS.filter((other) => other !== tool).join("|");
      assert.ok(
        IMPORTS.some(
          ({ file, target }) => file.startsWith(`packages/${tool}/`) && target.startsWith("packages/shared/"),
        ),
      );
      neverImports(new RegExp(`^packages/${tool}/`), new RegExp(`^packages/(${others})/`));
    });

  it("of shared never lead to a tool", () => {
    neverImports(/^packages\/shared\//, new RegExp(`^packages/(${TOOLS.join("|")})/`));
  });

  it("of oci/ never lead to another folder of oras-push", () => {
    neverImports(/^packages\/oras-push\/src\/oci\//, /^packages\/oras-push\/src\/(?!oci\/)/);
  });

  it("of tar/ never lead to another folder of oras-push", () => {
    neverImports(/^packages\/oras-push\/src\/tar\//, /^packages\/oras-push\/src\/(?!tar\/)/);
  });

  it("of layer/ lead only to oci/ and tar/", () => {
    neverImports(/^packages\/oras-push\/src\/layer\//, /^packages\/oras-push\/src\/(?!(layer|oci|tar)\/)/);
  });

  it("of inject/ never lead to another folder of oras-push", () => {
    neverImports(/^packages\/oras-push\/src\/inject\//, /^packages\/oras-push\/src\/(?!inject\/)/);
  });

  it("of artifact/ never lead to sidecar/", () => {
    neverImports(/^packages\/oras-push\/src\/artifact\//, /^packages\/oras-push\/src\/sidecar\//);
  });

  it("of results/ lead only to artifact/ and oci/, and no other folder of the core leads to results/", () => {
    neverImports(/^packages\/oras-push\/src\/results\//, /^packages\/oras-push\/src\/(?!(artifact|oci|results)\/)/);
    neverImports(
      /^packages\/oras-push\/src\/(artifact|inject|layer|oci|sidecar|tar)\//,
      /^packages\/oras-push\/src\/results\//,
    );
  });

  it("of the core never lead to options or commands", () => {
    neverImports(
      /^packages\/oras-push\/src\/(artifact|inject|layer|oci|results|sidecar|tar)\//,
      /^packages\/oras-push\/src\/(options|commands|main)\b/,
    );
    neverImports(
      /^packages\/launcher\/src\/((process|outputs|install)\/|(?!main|options)\w[\w-]*\.ts)/,
      /^packages\/launcher\/src\/(options|main)\.ts$/,
    );
  });

  it("of scripts/ and support/ never lead to test/, and of support/ never to scripts/", () => {
    neverImports(/^(scripts|support)\//, /^test\//);
    neverImports(/^support\//, /^scripts\//);
  });

  it("of undici, chokidar, yargs, yaml and diff are each in one room, and those of tar-stream and axe-core in tests only", () => {
    onlyRoom(/^packages\/oras-push\/src\/oci\/http\//, /^undici$/);
    onlyRoom(/^packages\/shared\/src\/pod\/watch\.ts$/, /^chokidar$/);
    onlyRoom(/^packages\/shared\/src\/cli\/command-line\.ts$/, /^yargs$/);
    onlyRoom(/^packages\/oras-push\/src\/inject\/(manifest-file|yaml-patch)\.ts$/, /^yaml$/);
    onlyRoom(/^packages\/oras-push\/src\/inject\/inject-manifests\.ts$/, /^diff$/);
    neverImports(/./, /^(tar-stream|axe-core)$/);
  });
});

describe("the process", () => {
  it("is ended only by cli/", () => {
    onlyIn(/^packages\/shared\/src\/cli\//, /\bprocess\.exit\b/);
  });

  it("gives its arguments and its environment only to cli/", () => {
    onlyIn(/^packages\/shared\/src\/cli\//, /\bprocess\.(argv|env)\b/);
  });
});

describe("each source file", () => {
  it("has at most 300 lines", () => {
    const long = SOURCES.filter((file) => textOf(file).trimEnd().split("\n").length > 300);
    assert.deepEqual(long, []);
  });

  it("documents each of its exports", () => {
    const undocumented = SOURCES.flatMap((file) => {
      const lines = textOf(file).split("\n");
      return lines
        .map((line, index) => ({ line, before: lines[index - 1] ?? "" }))
        .filter(({ line, before }) => /^export (?!type \{|\{)/.test(line) && !/\*\/$/.test(before))
        .filter(({ line }) => !isOverload(lines, line))
        .map(({ line }) => `${file}: ${line}`);
    });
    assert.deepEqual(undocumented, []);
  });
});

/** Whether a line exports a function that an earlier line exports too. Only the first overload needs a docstring. */
function isOverload(lines: readonly string[], line: string): boolean {
  const start = /^export function \w+/.exec(line)?.[0];
  return start !== undefined && lines.find((other) => other.startsWith(start)) !== line;
}
