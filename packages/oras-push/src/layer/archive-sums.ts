import type { Digest } from "../oci/digest.ts";
import { Meter } from "../oci/meter.ts";
import { zlib } from "./zlib.ts";

/** The sums of an archive's bytes: the digest, the size, and the CRC-32 that gzip needs. */
export interface ArchiveSums {
  /** The size in bytes. */
  readonly size: number;
  readonly checksum: number;
  /** Adds the next bytes. */
  update(bytes: Uint8Array): void;
  /** Returns the digest of all added bytes. After a call of this method, do not call `update`. */
  digest(): Digest;
}

/** Creates sums of no bytes. */
export async function archiveSums(): Promise<ArchiveSums> {
  const { crc32 } = await zlib();
  const meter = new Meter();
  let checksum = 0;
  return {
    get size() {
      return meter.size;
    },
    get checksum() {
      return checksum;
    },
    update: (bytes) => {
      meter.update(bytes);
      checksum = crc32(bytes, checksum);
    },
    digest: () => meter.digest(),
  };
}
