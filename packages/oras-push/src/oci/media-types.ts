/** An OCI image manifest (image-spec, manifest.md). */
export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";

/** An OCI image index (image-spec, image-index.md). */
export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";

/** Docker's manifest list: an image index with a different media type. */
export const DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json";

/** The annotation with a manifest's tag in the index of a layout (image-spec, annotations.md). */
export const REF_NAME = "org.opencontainers.image.ref.name";

/** Docker's image manifest, version 2, schema 2: an image manifest with a different media type. */
export const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";

/**
 * The empty JSON object, used as the config of artifacts (image-spec, manifest.md, "Guidance for an Empty Descriptor").
 */
export const EMPTY_JSON = "application/vnd.oci.empty.v1+json";

/** The default artifact type, as in `oras`. */
export const UNKNOWN_ARTIFACT = "application/vnd.unknown.artifact.v1";

/** The layer of a file, as in `oras`: the raw bytes, despite its name. */
export const FILE_LAYER = "application/vnd.oci.image.layer.v1.tar";

/** The layer of a folder: a gzipped tar. */
export const FOLDER_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";
