import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { ROOT } from "../../support/paths.ts";

const MANIFESTS = join(ROOT, "images", "manifests");

/** The name of the image in the admission policies, as the value of a variable in CEL. */
const POLICY_IMAGE = /'"oras-pod-tools:[^"]+"'/g;

/**
 * The name of a container image. Characters outside of this pattern are not allowed, because they can have a special
 * meaning in CEL or YAML.
 */
const IMAGE_NAME = /^[a-z0-9][A-Za-z0-9._/:@-]*$/;

/**
 * Returns one manifest with the admission policies and the registry. The policies use the image `image` for the tools.
 * Throws if `image` is not a valid name of an image.
 */
export function installYaml(image: string): string {
  if (!IMAGE_NAME.test(image)) throw new Error(`invalid name of an image: ${image}`);
  const policies = replaceOnce(read("injection/policies.yaml"), POLICY_IMAGE, `'"${image}"'`);
  const { resources, images } = parse(read("registry/kustomization.yaml"));
  const texts = resources.map((name: string) => read(join("registry", name)));
  const registry = images.reduce(
    (text: string, { name, newTag }: { name: string; newTag: string }) =>
      replaceOnce(text, new RegExp(`(?<=image: )${RegExp.escape(name)}$`, "gm"), `${name}:${newTag}`),
    texts.join("---\n"),
  );
  // The comments above the objects are removed, because they refer to other files of this repository.
  return header(image) + `---\n${policies}---\n${registry}`.replaceAll(/(?<=^---\n)(#.*\n)+/gm, "");
}

function header(image: string): string {
  return `# The admission policies of oras-pod-tools, and a registry. Kubernetes 1.36 or later.
#
#   kubectl apply --namespace NAMESPACE -f install.yaml
#   kubectl label namespace NAMESPACE oras-pod-tools.dev/injection=enabled
#
# The registry is in your namespace, and the policies are for the whole cluster. For another namespace, repeat both commands.
# The annotated pods use the image ${image}. To use another name, replace this one.
`;
}

function read(path: string): string {
  return readFileSync(join(MANIFESTS, path), "utf8");
}

function replaceOnce(text: string, pattern: RegExp, replacement: string): string {
  const count = [...text.matchAll(pattern)].length;
  if (count !== 1) throw new Error(`expected ${pattern} once in the manifests, found it ${count} times`);
  return text.replace(pattern, () => replacement);
}
