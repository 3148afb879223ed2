/** The walls between the rooms: who may import whom. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { it } from "node:test";
import { ROOT } from "../support/paths.ts";

interface Import {
  /** The importing file, from the repository's root. */
  readonly file: string;
  /** What it imports: a file from the root, or a package. */
  readonly target: string;
}

const IMPORTS: readonly Import[] = globSync("packages/*/src/**/*.ts", { cwd: ROOT }).flatMap((file) => {
  const text = readFileSync(join(ROOT, file), "utf8");
  const targets = [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map(([, target = ""]) => target);
  return targets.map((target) => ({
    file,
    target: target.startsWith(".") ? normalize(join(dirname(file), target)) : target,
  }));
});

/** Asserts that only files that `allowed` matches import what `target` matches. */
function onlyFrom(allowed: RegExp, target: RegExp): void {
  const imports = IMPORTS.filter((entry) => target.test(entry.target));
  assert.ok(imports.length > 0, `nothing imports ${target}`);
  assert.deepEqual(
    imports.filter(({ file }) => !allowed.test(file)),
    [],
  );
}

it("launcher and oras-push import from wait-fs, never from each other, and wait-fs from neither", () => {
  assert.ok(IMPORTS.some(({ file, target }) => file.startsWith("packages/launcher/") && target.startsWith("shared/")));
  for (const [tool, others] of [
    ["wait-fs", /^(launcher|oras-push)(\/|$)|packages\/(launcher|oras-push)\//],
    ["launcher", /^oras-push(\/|$)|packages\/oras-push\//],
    ["oras-push", /^launcher(\/|$)|packages\/launcher\//],
  ] as const)
    assert.deepEqual(
      IMPORTS.filter(({ file, target }) => file.startsWith(`packages/${tool}/`) && others.test(target)),
      [],
    );
});

it("oci/ knows nothing of what it carries: it imports nothing of oras-push beside itself", () => {
  const outside = IMPORTS.filter(
    ({ file, target }) => file.includes("/oci/") && target.startsWith("packages/") && !target.includes("/oci/"),
  );
  assert.deepEqual(outside, []);
});

it("tar/ knows nothing of registries: it imports nothing of oras-push beside itself", () => {
  const outside = IMPORTS.filter(
    ({ file, target }) => file.includes("/tar/") && target.startsWith("packages/") && !target.includes("/tar/"),
  );
  assert.deepEqual(outside, []);
});

it("each library is known to one room", () => {
  onlyFrom(/oras-push\/src\/oci\/http\/(transport|connections)\.ts$/, /^undici$/);
  onlyFrom(/shared\/src\/pod\/wait\.ts$/, /^chokidar$/);
  onlyFrom(/shared\/src\/cli\/command-line\.ts$/, /^yargs$/);
});

it("only cli.ts ends the process", () => {
  const files = globSync("packages/*/src/**/*.ts", { cwd: ROOT });
  const ending = files.filter((file) => /process\.exit\b/.test(readFileSync(join(ROOT, file), "utf8")));
  assert.deepEqual(ending, ["packages/shared/src/cli/cli.ts"]);
});
