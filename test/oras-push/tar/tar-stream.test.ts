/**
 * tar-stream, another implementation, reads the archives of `oras-push`, and `oras-push` reads the archives of
 * tar-stream.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, it } from "node:test";
import { readArchive } from "oras-push/tar/read";
import { archiveSegments } from "oras-push/tar/segments";
import { walk } from "oras-push/tar/walk";
import { toBytePath } from "shared/fs/byte-path";
import * as tarStream from "tar-stream";
import { temporaryFolder } from "../../support/temporary.ts";
import { archiveBytes, collect, noise, pieces } from "../support.ts";

/** A time that both implementations can represent. */
const TIME = new Date(1_700_000_000_000);

/** An entry as both implementations report it. */
interface SeenEntry {
  readonly name: string;
  readonly type: string;
  readonly mode: number;
  readonly time: number;
  readonly target: string;
  readonly bytes: Buffer;
}

const LONG = `t/${"d".repeat(120)}/${"f".repeat(200)}`;

const ENTRIES: readonly SeenEntry[] = [
  { name: "t", type: "directory", mode: 0o755, target: "", bytes: Buffer.alloc(0) },
  { name: "t/0 empty", type: "file", mode: 0o644, target: "", bytes: Buffer.alloc(0) },
  { name: "t/1 large", type: "file", mode: 0o600, target: "", bytes: noise(3 << 20) },
  { name: "t/2 link", type: "symlink", mode: 0o777, target: "1 large", bytes: Buffer.alloc(0) },
  { name: "t/3 größe", type: "file", mode: 0o4755, target: "", bytes: Buffer.from("x".repeat(513)) },
  { name: `t/${"d".repeat(120)}`, type: "directory", mode: 0o700, target: "", bytes: Buffer.alloc(0) },
  { name: LONG, type: "file", mode: 0o644, target: "", bytes: Buffer.from("deep") },
].map((entry) => ({ ...entry, time: TIME.getTime() }));

describe("tar-stream", () => {
  it("reads packed folders", async (t) => {
    const folder = temporaryFolder(t);
    for (const { name, type, mode, target, bytes } of ENTRIES) {
      const path = join(folder, name);
      if (type === "directory") mkdirSync(path, { mode });
      else if (type === "symlink") symlinkSync(target, path);
      else writeFileSync(path, bytes);
      // When a normal user writes to a file, the kernel clears the set-user-ID bit. So the mode is set after the write.
      if (type === "file") chmodSync(path, mode);
    }
    for (const { name, type } of [...ENTRIES].reverse())
      if (type !== "symlink") utimesSync(join(folder, name), TIME, TIME);
    const archive = archiveBytes(archiveSegments(walk(join(folder, "t"), "t", assert.fail)));
    const seen: SeenEntry[] = [];
    const extraction = Readable.from(archive, { objectMode: false }).pipe(
      tarStream.extract() as unknown as NodeJS.WritableStream,
    ) as unknown as ReturnType<typeof tarStream.extract>;
    for await (const entry of extraction) {
      const { name, type, mode, mtime, linkname } = entry.header;
      const bytes = await collect(entry as AsyncIterable<Buffer>);
      seen.push({
        name,
        type,
        mode,
        time: type === "symlink" ? TIME.getTime() : mtime.getTime(),
        target: linkname ?? "",
        bytes,
      });
    }
    assert.deepEqual(seen, ENTRIES);
  });

  it("writes archives that readArchive reads", async () => {
    const packing = tarStream.pack();
    const written = collect(packing as unknown as AsyncIterable<Buffer>);
    for (const { name, type, mode, target, bytes } of ENTRIES) {
      const header = { name, type, mode, mtime: TIME, linkname: target, size: bytes.length } as tarStream.Header;
      await new Promise<void>((resolve, reject) => {
        const entry = packing.entry(header, (error) => (error == null ? resolve() : reject(error)));
        entry?.end(bytes);
      });
    }
    packing.finalize();
    const seen: SeenEntry[] = [];
    for await (const { name, type, mode, mtime, target, content } of readArchive(pieces(await written)))
      seen.push({
        name,
        type,
        mode,
        time: mtime.getTime(),
        target,
        bytes: await collect(content as AsyncIterable<Buffer>),
      });
    // tar-stream stores the names of folders without a final slash. `readArchive` returns names as byte strings.
    assert.deepEqual(
      seen,
      ENTRIES.map((entry) => ({ ...entry, name: toBytePath(entry.name) })),
    );
  });
});
