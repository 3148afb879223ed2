import { existsSync, globSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { CACHE, ROOT } from "../../support/paths.ts";
import { run, start } from "../../support/tools.ts";

/** The folder of the manifests. */
export const MANIFESTS: string = join(ROOT, "images", "manifests");

const PYTHON = join(CACHE, "kubernetes", "bin", "python");
const KUBECTL = join(CACHE, "kubernetes", "bin", "kubectl");
const VALIDATE = join(ROOT, "support", "clients", "kubernetes", "validate.py");
const JOBSET = join(CACHE, "jobset", "jobsets.yaml");

/** Why manifests cannot be checked here; false where they can. */
export const KUBERNETES_SKIP: string | false =
  existsSync(PYTHON) && existsSync(KUBECTL) ? false : "Kubernetes' schemas and kubectl are not installed";

/** Why a JobSet cannot be checked here; false where it can. */
export const JOBSET_SKIP: string | false =
  KUBERNETES_SKIP || (existsSync(JOBSET) ? false : "JobSet's definition is not here: no Go");

/** The first Kubernetes that starts native sidecars without being asked to, and the newest whose schema there is. */
const OLDEST = "1.29";
const NEWEST = "1.37";

/** What needs a newer Kubernetes, by its folder. */
const NEEDS: Readonly<Record<string, string>> = { "image-volume": "1.36" };

/** One object of a manifest, and what Kubernetes would refuse about it. */
export interface Checked {
  readonly object: KubernetesObject;
  readonly errors: readonly string[];
}

/** What all objects of Kubernetes have. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec?: object;
}

/** A text with objects in YAML, and where it comes from, below the folder of the manifests. */
export interface Manifest {
  readonly name: string;
  readonly text: string;
}

/** The folders that kustomize builds, below the folder of the manifests. */
export function kustomizations(): string[] {
  return globSync("**/kustomization.yaml", { cwd: MANIFESTS }).map(dirname).sort();
}

/** The manifests as they are written. */
export function manifestFiles(): Manifest[] {
  const files = globSync("**/*.yaml", { cwd: MANIFESTS }).filter((file) => basename(file) !== "kustomization.yaml");
  return files.sort().map((name) => ({ name, text: readFileSync(join(MANIFESTS, name), "utf8") }));
}

/** What `kubectl kustomize` makes of a folder. Throws with what it said where it fails or warns. */
export async function kustomize(name: string): Promise<Manifest> {
  const { code, stdout, stderr } = await run(KUBECTL, ["kustomize", name], { cwd: MANIFESTS });
  if (code !== 0 || stderr !== "") throw new Error(`kubectl kustomize ${name} ended with ${code}: ${stderr}`);
  return { name, text: stdout };
}

/** What Kubernetes' own schemas say, unknown fields included; an array a manifest. JobSet's own, where it is here. */
export async function check(manifests: readonly Manifest[]): Promise<Checked[][]> {
  const asked = manifests.map(({ name, text }) => {
    const [folder = ""] = name.split("/");
    return { name, text, versions: [NEEDS[folder] ?? OLDEST, NEWEST] };
  });
  const args = [VALIDATE, ...(JOBSET_SKIP === false ? [JOBSET] : [])];
  const { child, ended } = start(PYTHON, args, { stdio: ["pipe", "pipe", "pipe"] });
  child.stdin?.end(JSON.stringify(asked));
  const { code, stdout, stderr } = await ended;
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Checked[][];
}
