/**
 * Builds the image of the tools and runs the manifests' pods with podman: each test of `test/pods` prints the exit codes of
 * its containers, the digest of what was pushed, and how long after the application's end its tag was there.
 *
 *   pnpm pods [--lammps]
 *
 * LAMMPS with ReaxFF runs where it was built before; `--lammps` builds it.
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
