/** The suffix of an image's tag. An image with this suffix contains the files of an artifact. */
export const IMAGE_SUFFIX = "-image";
