import { ANNOTATIONS } from "../oci/annotations.ts";
import type { Annotations } from "../oci/descriptor.ts";
import { archiveSegments } from "../tar/segments.ts";
import type { TreeEntry } from "../tar/walk.ts";
import { type ArchiveSums, encodedArchive } from "./encoded-archive.ts";
import type { LayerOptions, LayerSource, LayerStream } from "./layer-source.ts";
import { mountableEntries } from "./mountable-entries.ts";

/** An archive that becomes the content of a layer. */
export interface Archive {
  readonly title: string;
  readonly mediaType: string;
  /** Returns the entries for one pass over the archive. */
  readonly entries: () => Iterable<TreeEntry>;
  /**
   * Returns the annotations of the layer. If the whole archive has been read, `content` contains the digest of the
   * archive. Otherwise, `content` is empty.
   */
  readonly annotations: (content: Annotations) => Annotations;
}

/** Returns a layer with a compressed archive. */
export function archiveLayer({ title, mediaType, entries, annotations }: Archive, options: LayerOptions): LayerSource {
  const { latest, threads, signal, format } = options;
  const openArchive = (level: number | undefined): LayerStream => {
    let sums: ArchiveSums | undefined;
    async function* bytes(): AsyncGenerator<Buffer> {
      const selected = options.mountable === true ? mountableEntries(entries()) : entries();
      sums = yield* encodedArchive(archiveSegments(selected, latest), { level, format, threads, signal });
    }
    return {
      bytes: bytes(),
      annotations: () => annotations(sums === undefined ? {} : { [ANNOTATIONS.contentDigest]: sums.digest }),
    };
  };
  const describeArchive = async () => {
    const stream = openArchive(undefined);
    for await (const _ of stream.bytes);
    return stream.annotations();
  };
  return { title, mediaType, size: undefined, open: () => openArchive(options.level), describeArchive };
}
