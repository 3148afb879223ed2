/** An OCI image manifest (image-spec, manifest.md). */
export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";

/** An OCI image index (image-spec, image-index.md). */
export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";

/** Docker's manifest list: an index under another name. */
export const DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json";

/** The annotation that holds a manifest's tag in a layout's index (image-spec, annotations.md). */
export const REF_NAME = "org.opencontainers.image.ref.name";

/** Docker's image manifest, version 2, schema 2: the same fields under another name. */
export const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";

/** The empty JSON object that stands for "no config" (image-spec, manifest.md, "Guidance for an Empty Descriptor"). */
export const EMPTY_JSON = "application/vnd.oci.empty.v1+json";

/** The type of an artifact whose maker named none, as `oras` writes it. */
export const UNKNOWN_ARTIFACT = "application/vnd.unknown.artifact.v1";

/** A file's layer, as `oras` writes it: the raw bytes, whatever the name says. */
export const FILE_LAYER = "application/vnd.oci.image.layer.v1.tar";

/** A folder's layer: a gzipped tar. */
export const FOLDER_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";

/** The annotations of the layers and manifests that the clients of this format read and write. */
export const ANNOTATIONS = {
  /** The name under which a layer is restored. */
  title: "org.opencontainers.image.title",
  /** When an artifact was made, RFC 3339. */
  created: "org.opencontainers.image.created",
  /** The digest of a folder's uncompressed tar. */
  contentDigest: "io.deis.oras.content.digest",
  /** `"true"` for a layer that is a folder. */
  unpack: "io.deis.oras.content.unpack",
  /** The exit code of the application that wrote the content. */
  exitCode: "dev.oras-pod-tools.run.exit-code",
  /** The signal that ended it. */
  signal: "dev.oras-pod-tools.run.signal",
  /** Why it ended as it did, where the code does not tell. */
  reason: "dev.oras-pod-tools.run.reason",
  /** `"true"` where the launcher did not come to save all of the output. */
  incomplete: "dev.oras-pod-tools.run.incomplete",
  /** Which start of the launcher it was. */
  attempt: "dev.oras-pod-tools.run.attempt",
  /** When the application was started and when it had ended, RFC 3339. */
  startedAt: "dev.oras-pod-tools.run.started",
  finishedAt: "dev.oras-pod-tools.run.finished",
  /** What was pulled for it: a JSON array of objects with `reference` and `digest`. */
  inputs: "dev.oras-pod-tools.run.inputs",
  /** Where it ran, as Kubernetes names it. */
  pod: "dev.oras-pod-tools.run.pod",
  namespace: "dev.oras-pod-tools.run.namespace",
  node: "dev.oras-pod-tools.run.node",
} as const;

/** The annotations of layers that clients restore them by. */
export const LAYER_ANNOTATIONS: ReadonlySet<string> = new Set([
  ANNOTATIONS.title,
  ANNOTATIONS.contentDigest,
  ANNOTATIONS.unpack,
]);
