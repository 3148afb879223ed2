/** An OCI image manifest (image-spec, manifest.md). */
export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";

/** An OCI image index (image-spec, image-index.md). */
export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";

/** Docker's manifest list: an image index with a different media type. */
export const DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json";

/** The annotation that contains a manifest's tag in the index of a layout (image-spec, annotations.md). */
export const REF_NAME = "org.opencontainers.image.ref.name";

/** Docker's image manifest, version 2, schema 2: an image manifest with a different media type. */
export const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";

/**
 * The media type of the empty JSON object (image-spec, manifest.md, "Guidance for an Empty Descriptor"). An artifact
 * has this object as its config.
 */
export const EMPTY_JSON = "application/vnd.oci.empty.v1+json";

/** The default artifact type, as in `oras`. */
export const UNKNOWN_ARTIFACT = "application/vnd.unknown.artifact.v1";

/** The media type of a file's layer, as in `oras`. The layer contains the raw bytes of the file, not a tar archive. */
export const FILE_LAYER = "application/vnd.oci.image.layer.v1.tar";

/** The media type of a folder's layer: a gzipped tar archive. */
export const FOLDER_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";
