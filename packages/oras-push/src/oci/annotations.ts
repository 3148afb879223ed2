/**
 * The names of annotations that this project writes and reads. The sidecar writes the annotations of a run
 * (docs/format.md).
 */
export const ANNOTATIONS = {
  /** The name of the file or folder that a pull restores from the layer. */
  title: "org.opencontainers.image.title",
  /** The creation date of an artifact (RFC 3339). */
  created: "org.opencontainers.image.created",
  /** The digest of the uncompressed tar archive of a folder. */
  contentDigest: "io.deis.oras.content.digest",
  /** `"true"` if the layer contains a folder. */
  unpack: "io.deis.oras.content.unpack",
  /**
   * The permissions of a single file, in octal digits such as `755`. A folder does not need this annotation, because
   * the tar archive contains the permissions.
   */
  fileMode: "dev.oras-pod-tools.file.mode",
  /** The modification time of a single file (RFC 3339), in UTC and whole seconds. */
  fileTime: "dev.oras-pod-tools.file.mtime",
  /**
   * The digest of the artifact that an image belongs to. The image contains the files of this artifact. Only images
   * have this annotation.
   */
  imageOf: "dev.oras-pod-tools.image-of",
  /** The exit code of the application that wrote the files of the artifact. */
  exitCode: "dev.oras-pod-tools.run.exit-code",
  /** The signal that ended the application. */
  signal: "dev.oras-pod-tools.run.signal",
  /** The reason why the application ended, if the exit code does not show this reason. */
  reason: "dev.oras-pod-tools.run.reason",
  /** `"true"` if the launcher saved only some of the outputs, or none. */
  incomplete: "dev.oras-pod-tools.run.incomplete",
  /** A random id. Each start of the launcher gets a new id. */
  attempt: "dev.oras-pod-tools.run.attempt",
  /** The time when the application started (RFC 3339). */
  startedAt: "dev.oras-pod-tools.run.started",
  /** The time when the application ended (RFC 3339). */
  finishedAt: "dev.oras-pod-tools.run.finished",
  /** The pulled inputs: a JSON array of objects with `reference` and `digest`. */
  inputs: "dev.oras-pod-tools.run.inputs",
  /** The text of `--cache-key`. This text and the inputs together identify the run. */
  cacheKey: "dev.oras-pod-tools.run.cache-key",
  /** The number of a checkpoint. Only an artifact with an intermediate state of a run has this annotation. */
  checkpoint: "dev.oras-pod-tools.run.checkpoint",
  /** The patterns of a checkpoint: a JSON array. */
  checkpointPatterns: "dev.oras-pod-tools.run.checkpoint-patterns",
  /** The number of the checkpoint from which the run was resumed. */
  resumedFrom: "dev.oras-pod-tools.run.resumed-from",
  /** The name of the pod. The next two annotations contain the names of the pod's namespace and node. */
  pod: "dev.oras-pod-tools.run.pod",
  namespace: "dev.oras-pod-tools.run.namespace",
  node: "dev.oras-pod-tools.run.node",
} as const;

/** The prefix of all annotations about a run. */
export const RUN_PREFIX = "dev.oras-pod-tools.run.";

/** The annotations that clients use to restore a layer. Users cannot set these annotations. */
export const LAYER_ANNOTATIONS: ReadonlySet<string> = new Set([
  ANNOTATIONS.title,
  ANNOTATIONS.contentDigest,
  ANNOTATIONS.unpack,
  ANNOTATIONS.fileMode,
  ANNOTATIONS.fileTime,
]);
