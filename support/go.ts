import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { findProgram } from "./debian.ts";
import { attempt, type Dependency } from "./dependency.ts";
import { CACHE, PINNED_CLIENTS } from "./paths.ts";

/** How to build a large Go program. The built program contains no debug information. */
export interface GoBuild {
  /** The linker sets these variables of the program. */
  readonly variables?: Readonly<Record<string, string>>;
  readonly tags?: readonly string[];
  /** The duration of the first build, in words. The user sees this text during the build. */
  readonly duration: string;
}

/**
 * Builds a Go program once. The `go.sum` in `support/clients/FOLDER` pins its sources. If these pins change, builds the
 * program again.
 */
export function goProgram(name: string, folder: string, source: string, build?: GoBuild): Dependency {
  const path = join(CACHE, "bin", name);
  const module = join(PINNED_CLIENTS, folder);
  const args = [
    "build",
    "-trimpath",
    "-buildvcs=false",
    ...(build === undefined ? [] : buildOptions(build)),
    "-o",
    path,
    source,
  ];
  const stamp = `${path}.pins`;
  const pins = digestOf(module, [...args.slice(0, -2), source]);
  if (existsSync(path) && existsSync(stamp) && readFileSync(stamp, "utf8") === pins) return { path };
  return withGo(name, (go) => {
    mkdirSync(dirname(path), { recursive: true });
    console.error(`building ${name}${build === undefined ? "" : `: ${build.duration}, once`}`);
    // Without C code, the result is the same on machines with and without a C compiler. So these machines can share a
    // build cache of Go.
    const env = { ...goEnvironment(), CGO_ENABLED: "0" };
    execFileSync(go, args, { cwd: module, env, stdio: ["ignore", 2, 2] });
    writeFileSync(stamp, pins);
    return path;
  });
}

/**
 * Copies a file of a Go module to the path `name` in the cache. The `go.sum` in `support/clients/FOLDER` pins the
 * module.
 */
export function goModuleFile(name: string, folder: string, module: string, file: string): Dependency {
  const source = goModule(folder, module);
  if ("missing" in source) return source;
  const path = join(CACHE, name);
  mkdirSync(dirname(path), { recursive: true });
  copyFileSync(join(source.path, file), path);
  return { path };
}

/** Downloads a Go module and returns its folder. The `go.sum` in `support/clients/FOLDER` pins the module. */
export function goModule(folder: string, module: string): Dependency {
  return withGo(module, (go) => {
    const options = { cwd: join(PINNED_CLIENTS, folder), env: goEnvironment() };
    const answer = execFileSync(go, ["mod", "download", "-json", module], options).toString();
    return (JSON.parse(answer) as { readonly Dir: string }).Dir;
  });
}

function withGo(name: string, install: (go: string) => string): Dependency {
  const go = findProgram("go");
  if (go === undefined) return { missing: `${name}: needs Go, which is not installed`, optional: true };
  return attempt(name, () => install(go));
}

function buildOptions({ variables = {}, tags = [] }: GoBuild): string[] {
  const linker = ["-s", "-w", ...Object.entries(variables).flatMap(([name, value]) => ["-X", `${name}=${value}`])];
  return ["-ldflags", linker.join(" "), ...(tags.length === 0 ? [] : ["-tags", tags.join(",")])];
}

/** The digest of the sources in a module's folder and of the arguments of the build. */
function digestOf(module: string, args: readonly string[]): string {
  const hash = createHash("sha256").update(JSON.stringify(args));
  for (const name of readdirSync(module).sort()) hash.update(name).update(readFileSync(join(module, name)));
  return hash.digest("hex");
}

/**
 * With this environment, Go downloads only pinned modules. Go uses the user's caches, so a build in a second clone
 * takes a short time.
 */
function goEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, GOFLAGS: "-mod=readonly -modcacherw" };
}
