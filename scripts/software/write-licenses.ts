import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../support/paths.ts";
import { type Component, componentId } from "./component.ts";

/** Writes the license of the tools to a folder, and the license of each component to a file of the component's name. */
export function writeLicenses(components: readonly Component[], folder: string): void {
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(ROOT, "LICENSE"), join(folder, "oras-pod-tools.txt"));
  for (const component of components) writeFileSync(join(folder, `${componentId(component)}.txt`), component.text);
}
