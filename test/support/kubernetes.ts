import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { findProgram } from "../../support/debian.ts";
import { CACHE, PINNED_CLIENTS, ROOT } from "../../support/paths.ts";
import { run, start } from "../../support/tools.ts";

/** The folder of the manifests. */
export const MANIFESTS: string = join(ROOT, "images", "manifests");

/** The Python interpreter that has the libraries for checking schemas. */
export const PYTHON: string = join(CACHE, "kubernetes", "bin", "python");
const KUBECTL = join(CACHE, "kubernetes", "bin", "kubectl");
/**
 * All versions of kubectl on this machine. The version that the machine itself provides is often older than the pinned
 * version, and behaves differently.
 */
export const KUBECTLS: readonly string[] = [KUBECTL, findProgram("kubectl") ?? []].flat();

const VALIDATE = join(PINNED_CLIENTS, "kubernetes", "validate.py");
const JOBSET = join(CACHE, "jobset", "jobsets.yaml");

/** The reason to skip tests that validate manifests. It is false if this machine can validate manifests. */
export const KUBERNETES_SKIP: string | false =
  existsSync(PYTHON) && existsSync(KUBECTL) ? false : "the schemas of Kubernetes and kubectl are not installed";

/** The reason to skip tests that validate a JobSet with its own schema. It is false if this machine can do this. */
export const JOBSET_SKIP: string | false =
  KUBERNETES_SKIP || (existsSync(JOBSET) ? false : "the CRD of JobSet is not installed: needs Go");

/** The first version of Kubernetes in which native sidecars are enabled by default. */
const OLDEST = "1.29";

/** The newest version of Kubernetes whose schema is available. */
const NEWEST = "1.37";

/**
 * Maps a folder of manifests to the oldest version of Kubernetes that supports these manifests. For a folder that is
 * not listed here, this version is {@link OLDEST}.
 */
const REQUIRED: Readonly<Record<string, string>> = {
  "image-volume": "1.36",
  injection: "1.36",
  "injection-all-namespaces": "1.36",
  "overlays/kind/injection": "1.36",
  "overlays/kind/workflow-mounts": "1.36",
  "workflow-mounts": "1.36",
};

/** The components. They contain patches and no complete objects. */
const COMPONENTS = "components/**";

/** An object of a manifest, with the reasons why Kubernetes would reject it. */
export interface ValidatedObject {
  readonly object: KubernetesObject;
  readonly errors: readonly string[];
}

/** The common fields of all Kubernetes objects. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec?: object;
}

/** Objects in YAML. */
export interface Manifest {
  /** The path of the file or folder. It is relative to the folder of the manifests. */
  readonly name: string;
  readonly text: string;
}

/** Returns the folders that `kubectl apply -k` can apply. Their paths are relative to the folder of the manifests. */
export function kustomizations(): string[] {
  return globSync("**/kustomization.yaml", { cwd: MANIFESTS, exclude: [COMPONENTS] })
    .map(dirname)
    .sort();
}

/**
 * Reads the manifests as they are in the repository. Skips components, and the settings of kustomize, which contain no
 * object.
 */
export function manifestFiles(): Manifest[] {
  const files = globSync("**/*.yaml", { cwd: MANIFESTS, exclude: [COMPONENTS, "**/kustomization.yaml"] });
  const manifests = files.sort().map((name) => ({ name, text: readFileSync(join(MANIFESTS, name), "utf8") }));
  return manifests.filter(({ text }) => /^kind: /m.test(text));
}

/**
 * Returns the output of `kubectl kustomize` for a folder. If the command fails or prints a warning, throws an error
 * with its stderr.
 */
export async function kustomize(name: string, kubectl: string = KUBECTL): Promise<Manifest> {
  const { code, stdout, stderr } = await run(kubectl, ["kustomize", name], { cwd: MANIFESTS });
  if (code !== 0 || stderr !== "") throw new Error(`kubectl kustomize ${name} exited with ${code}: ${stderr}`);
  return { name, text: stdout };
}

/**
 * Validates manifests with the schemas of Kubernetes. If JobSet's schema is installed, also uses this schema. Unknown
 * fields are errors. Returns one array for each manifest, with the objects of this manifest.
 */
export async function validate(manifests: readonly Manifest[]): Promise<ValidatedObject[][]> {
  const requests = manifests.map(({ name, text }) => {
    const folder = Object.keys(REQUIRED).find((path) => `${name}/`.startsWith(`${path}/`));
    return { name, text, versions: [REQUIRED[folder ?? ""] ?? OLDEST, NEWEST] };
  });
  const args = [VALIDATE, ...(JOBSET_SKIP === false ? [JOBSET] : [])];
  const { child, ended } = start(PYTHON, args, { stdio: ["pipe", "pipe", "pipe"] });
  child.stdin?.end(JSON.stringify(requests));
  const { code, stdout, stderr } = await ended;
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as ValidatedObject[][];
}
