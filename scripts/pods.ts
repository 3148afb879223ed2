/**
 * Builds the image of the tools and runs the pods of the manifests with podman. Each test of `test/pods` prints the
 * exit codes of the containers, the digest of the pushed artifact, and the time between the application's end and the
 * tag.
 *
 *   pnpm pods [--lammps]
 *
 * `--lammps` builds LAMMPS with ReaxFF. Without this build, the tests that need ReaxFF are skipped. One build is enough
 * for all later runs.
 */
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "../support/paths.ts";
import { buildLammps } from "./lammps.ts";

const { values } = parseArgs({ options: { lammps: { type: "boolean", default: false } } });
if (values.lammps) buildLammps();
const tests = globSync("test/pods/*.test.ts", { cwd: ROOT }).sort();
const args = [join(ROOT, "scripts", "test.ts"), ...tests];
process.exit(spawnSync(process.execPath, args, { cwd: ROOT, stdio: "inherit" }).status ?? 1);
