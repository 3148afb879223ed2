/** A tag with this suffix points to an image that contains the files of an artifact. */
export const IMAGE_SUFFIX = "-image";
