import { rmSync } from "node:fs";
import { join } from "node:path";
import { CACHE } from "../../support/paths.ts";
import { bundleExecutable, bundleTool, TOOLS } from "../build/bundle.ts";
import type { Component } from "./component.ts";
import { nodeComponent } from "./node-component.ts";
import { npmComponents } from "./npm-components.ts";

/**
 * Returns the third-party software in the executable: Node, and the npm packages in the bundles. To find these
 * packages, this function bundles the tools again, and reads the lists of files that esbuild returns. Throws if some
 * software has no license.
 */
export async function toolsComponents(): Promise<Component[]> {
  const folder = join(CACHE, `bundles.${process.pid}`);
  const tools = TOOLS.map((tool) => bundleTool(tool, join(folder, tool)));
  const bundles = await Promise.all([bundleExecutable(join(folder, "main.cjs")), ...tools]);
  rmSync(folder, { recursive: true });
  return [nodeComponent(), ...npmComponents(bundles)];
}
