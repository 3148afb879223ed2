import { parseReference, type Reference } from "./reference.ts";

/**
 * Parses the name of an image as a container runtime does. If the name has no registry, the registry is docker.io. If
 * the name has no slash, the repository is below `library`: `alpine` means `docker.io/library/alpine`. If the name has
 * no tag and no digest, the tag is `latest`. Throws `ReferenceSyntaxError` if the name is invalid.
 */
export function parseImageReference(name: string): Reference {
  const [first = "", ...rest] = name.split("/");
  const hasRegistry = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  const path = rest.length > 0 ? name : `library/${name}`;
  const reference = parseReference(hasRegistry ? name : `docker.io/${path}`);
  const latest = reference.tag === undefined && reference.digest === undefined;
  return latest ? { ...reference, tag: "latest" } : reference;
}
