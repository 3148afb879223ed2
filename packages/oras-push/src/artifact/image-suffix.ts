/** The suffix of an image's tag. Such an image contains the files of an artifact. */
export const IMAGE_SUFFIX = "-image";
