import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Metafile } from "esbuild";
import { ROOT } from "../../support/paths.ts";
import type { Component } from "./component.ts";

/**
 * The path of a file in a package. pnpm nests `node_modules` folders. Therefore, the package is in the last
 * `node_modules` folder of the path.
 */
const PACKAGE_PATH = /^(?<folder>.*\bnode_modules\/(?:@[^/]+\/)?[^/]+)\//;

/** The names of files with a license. */
const LICENSE_FILE = /^(licen[cs]e|copying)([.-].*)?$/i;

/**
 * Returns the npm packages whose code is in bundles, sorted by name and version. Throws if the `package.json` of a
 * package names no license, or if the package has no file with the text of the license.
 */
export function npmComponents(bundles: readonly Metafile[]): Component[] {
  const outputs = bundles.flatMap((bundle) => Object.values(bundle.outputs));
  const files = outputs.flatMap(({ inputs }) => Object.keys(inputs));
  const folders = new Set(files.flatMap((file) => PACKAGE_PATH.exec(file)?.groups?.folder ?? []));
  return [...folders].sort().map((folder) => npmComponent(join(ROOT, folder)));
}

/** Reads a package from its folder. Throws the same errors as {@link npmComponents}. */
export function npmComponent(folder: string): Component {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  if (typeof license !== "string") throw new Error(`${folder}: package.json names no license`);
  const files = readdirSync(folder).filter((file) => LICENSE_FILE.test(file));
  if (files.length === 0) throw new Error(`${folder}: no file contains the text of the license`);
  const text = files.sort().map((file) => readFileSync(join(folder, file), "utf8"));
  // In a package URL, the `@` of a scope is written as %40.
  return { name, version, urls: [`pkg:npm/${name.replace("@", "%40")}@${version}`], license, text: text.join("\n") };
}
