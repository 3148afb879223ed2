import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../support/paths.ts";
import { type Component, componentId } from "./component.ts";

/**
 * Writes licenses to a folder: the license of the tools, and one file for each component. The name of such a file is
 * the component's id and `.txt`.
 */
export function writeLicenses(components: readonly Component[], folder: string): void {
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(ROOT, "LICENSE"), join(folder, "oras-pod-tools.txt"));
  for (const component of components) writeFileSync(join(folder, `${componentId(component)}.txt`), component.text);
}
