import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { findProgram } from "./debian.ts";
import { attempt, type Dependency } from "./dependency.ts";
import { CACHE, PINNED_CLIENTS } from "./paths.ts";

/** Builds a Go program once. The `go.sum` in `support/clients/FOLDER` pins its sources. */
export function goProgram(name: string, folder: string, source: string): Dependency {
  const path = join(CACHE, "bin", name);
  if (existsSync(path)) return { path };
  return withGo(name, (go) => {
    mkdirSync(dirname(path), { recursive: true });
    console.error(`building ${name}`);
    execFileSync(go, ["build", "-trimpath", "-o", path, source], {
      cwd: join(PINNED_CLIENTS, folder),
      env: goEnvironment(),
      stdio: ["ignore", 2, 2],
    });
    return path;
  });
}

/** Copies a file of a Go module to the cache, as `name`. The `go.sum` in `support/clients/FOLDER` pins the module. */
export function goModuleFile(name: string, folder: string, module: string, file: string): Dependency {
  return withGo(name, (go) => {
    const options = { cwd: join(PINNED_CLIENTS, folder), env: goEnvironment() };
    const answer = execFileSync(go, ["mod", "download", "-json", module], options).toString();
    const { Dir: source } = JSON.parse(answer) as { readonly Dir: string };
    const path = join(CACHE, name);
    mkdirSync(dirname(path), { recursive: true });
    copyFileSync(join(source, file), path);
    return path;
  });
}

function withGo(name: string, install: (go: string) => string): Dependency {
  const go = findProgram("go");
  if (go === undefined) return { missing: `${name}: needs Go, which is not installed`, optional: true };
  return attempt(name, () => install(go));
}

/** Go keeps its caches in the project's cache, and downloads only pinned modules. */
function goEnvironment(): NodeJS.ProcessEnv {
  return {
    ...process.env,
    GOPATH: join(CACHE, "go"),
    GOCACHE: join(CACHE, "go-build"),
    GOFLAGS: "-mod=readonly -modcacherw",
  };
}
