/**
 * The names of annotations that this project writes and reads. The sidecar writes the annotations of a run
 * (docs/format.md).
 */
export const ANNOTATIONS = {
  /** The name under which a layer is restored. */
  title: "org.opencontainers.image.title",
  /** The date of an artifact, RFC 3339. */
  created: "org.opencontainers.image.created",
  /** The digest of a folder's uncompressed tar. */
  contentDigest: "io.deis.oras.content.digest",
  /** `"true"` for a layer that is a folder. */
  unpack: "io.deis.oras.content.unpack",
  /** The exit code of the application that wrote the content. */
  exitCode: "dev.oras-pod-tools.run.exit-code",
  /** The signal that ended the application. */
  signal: "dev.oras-pod-tools.run.signal",
  /** The reason why the application ended, if the exit code does not show it. */
  reason: "dev.oras-pod-tools.run.reason",
  /** `"true"` if the launcher did not save all outputs. */
  incomplete: "dev.oras-pod-tools.run.incomplete",
  /** A random id that identifies the start of the launcher. */
  attempt: "dev.oras-pod-tools.run.attempt",
  /** When the application started and ended, RFC 3339. */
  startedAt: "dev.oras-pod-tools.run.started",
  finishedAt: "dev.oras-pod-tools.run.finished",
  /** The pulled inputs: a JSON array of objects with `reference` and `digest`. */
  inputs: "dev.oras-pod-tools.run.inputs",
  /** The pod, its namespace and its node. */
  pod: "dev.oras-pod-tools.run.pod",
  namespace: "dev.oras-pod-tools.run.namespace",
  node: "dev.oras-pod-tools.run.node",
} as const;

/** The annotations by which clients restore a layer. A user may not set them. */
export const LAYER_ANNOTATIONS: ReadonlySet<string> = new Set([
  ANNOTATIONS.title,
  ANNOTATIONS.contentDigest,
  ANNOTATIONS.unpack,
]);
