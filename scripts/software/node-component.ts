import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import manifest from "../../package.json" with { type: "json" };
import type { Arch } from "../build.ts";
import type { Component } from "./component.ts";

/** Entries of `process.versions` that are not libraries: Node itself, interfaces and data formats. */
const NO_SOFTWARE: readonly string[] = ["node", "modules", "napi", "unicode"];

/**
 * Returns Node, with the libraries that its binary contains. The binary itself lists these libraries. The package of
 * Node contains one text with all licenses. Throws if the version of Node in this process differs from the version in
 * the lockfile.
 */
export function nodeComponent(): Component {
  const name = `node-linux-${process.arch as Arch}` as const;
  const version = manifest.optionalDependencies[name];
  if (process.versions.node !== version)
    throw new Error(`cannot list the parts of Node ${version}: this process runs with Node ${process.versions.node}`);
  const text = readFileSync(createRequire(import.meta.url).resolve(`${name}/LICENSE`), "utf8");
  const parts = Object.entries(process.versions).flatMap(([part, partVersion]) =>
    NO_SOFTWARE.includes(part) || !partVersion ? [] : [{ name: part, version: partVersion }],
  );
  return { name: "node", version, urls: [`pkg:generic/node@${version}`], text, parts };
}
