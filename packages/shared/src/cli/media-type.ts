import { existsSync } from "node:fs";

/** A media type (RFC 6838, section 4.2). */
const MEDIA_TYPE = /^[A-Za-z0-9][\w!#$&^.+-]{0,126}\/[A-Za-z0-9][\w!#$&^.+-]{0,126}$/;

/**
 * The names that a media type can begin with: the registered names (RFC 6838, section 4.2), and names in common use.
 */
const TOP_LEVEL =
  /^(application|audio|chemical|example|font|haptics|image|message|model|multipart|text|video|x-[\w.-]+)\//i;

/**
 * A path, and the media type of its layer. If `mediaType` is undefined, the layer has the default type for a file or a
 * folder.
 */
export interface TypedPath {
  readonly path: string;
  readonly mediaType?: string | undefined;
}

/**
 * Whether a text is a media type (RFC 6838, section 4.2). Parameters such as `; charset=utf-8` are not part of a media
 * type.
 */
export function isMediaType(text: string): boolean {
  return MEDIA_TYPE.test(text);
}

/**
 * Splits `PATH[:MEDIA-TYPE]` at the last colon. In two cases, the colon belongs to the path, and the text contains no
 * media type. In the first case, the part after the colon is not a media type. In the second case, the whole text is
 * an existing path, but the part before the colon is not.
 */
export function parseTypedPath(text: string): TypedPath {
  const colon = text.lastIndexOf(":");
  const mediaType = text.slice(colon + 1);
  if (colon < 0 || !isMediaType(mediaType)) return { path: text };
  const path = text.slice(0, colon);
  return !existsSync(path) && existsSync(text) ? { path: text } : { path, mediaType };
}

/**
 * Splits `PATH[:MEDIA-TYPE]` at the last colon. The path need not exist yet. The text after the colon is a media type
 * only if its first part is a known name, such as `text`. Otherwise, the colon belongs to the path. For example,
 * `out:text/csv` is a path with a media type, but `runs-10:30/out` is only a path.
 */
export function parseFutureTypedPath(text: string): TypedPath {
  const colon = text.lastIndexOf(":");
  const mediaType = text.slice(colon + 1);
  if (colon < 0 || !isMediaType(mediaType) || !TOP_LEVEL.test(mediaType)) return { path: text };
  return { path: text.slice(0, colon), mediaType };
}
