/** The suffix of the tag of an image with the files of an artifact. */
export const IMAGE_SUFFIX = "-image";
