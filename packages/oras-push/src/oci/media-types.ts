/** The media type of an OCI image manifest (image-spec, manifest.md). */
export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";

/** The media type of an OCI image index (image-spec, image-index.md). */
export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";

/** The media type of Docker's manifest list. This list corresponds to an OCI image index. */
export const DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json";

/** The annotation that contains the tag of a manifest in the index of an OCI layout (image-spec, annotations.md). */
export const REF_NAME = "org.opencontainers.image.ref.name";

/**
 * The media type of Docker's image manifest (version 2, schema 2). This manifest corresponds to an OCI image manifest.
 */
export const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";

/**
 * The media type of the empty JSON object (image-spec, manifest.md, "Guidance for an Empty Descriptor"). Without
 * `--mountable`, this object is the config of a pushed artifact.
 */
export const EMPTY_JSON = "application/vnd.oci.empty.v1+json";

/** The media type of an image's config (image-spec, config.md). */
export const IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json";

/** The default artifact type, as in `oras`. */
export const UNKNOWN_ARTIFACT = "application/vnd.unknown.artifact.v1";

/**
 * The media type of a file's layer, as in `oras`. Although this media type ends with "tar", the layer contains the raw
 * bytes of the file, not a tar archive.
 */
export const FILE_LAYER = "application/vnd.oci.image.layer.v1.tar";

/** The media type of a folder's layer: a gzipped tar archive. */
export const FOLDER_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";

/** The media type of a folder's layer: a tar archive that is compressed with zstd. */
export const ZSTD_FOLDER_LAYER = "application/vnd.oci.image.layer.v1.tar+zstd";
