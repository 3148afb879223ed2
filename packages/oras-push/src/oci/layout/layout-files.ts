import { type FileHandle, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { ToolError } from "shared/cli/tool-error";
import { writeAtomically } from "shared/fs/atomic-file";
import { cannotRead } from "shared/fs/path-failure";
import { isSystemError, reasonOf, systemCode } from "shared/fs/system-error";
import type { Digest } from "../digest.ts";
import { MAX_MANIFEST_BYTES } from "../manifest-size.ts";
import { EMPTY_INDEX, type LayoutIndex, LayoutIndexError, parseIndex } from "./layout-index.ts";

/** The files of an OCI image layout (image-spec, image-layout.md). */
export class LayoutFiles {
  readonly folder: string;
  /** The folder that contains the blobs. */
  readonly blobs: string;

  constructor(folder: string) {
    this.folder = folder;
    this.blobs = join(folder, "blobs", "sha256");
  }

  /** The path of a blob. */
  pathOf(digest: Digest): string {
    return join(this.blobs, digest.slice("sha256:".length));
  }

  /** Reads the index. Returns an empty index if the file is missing. Throws `noInput` if the file is invalid. */
  async readIndex(): Promise<LayoutIndex> {
    const text = await this.readText("index.json");
    if (text === undefined) return EMPTY_INDEX;
    try {
      return parseIndex(text);
    } catch (error) {
      if (!(error instanceof LayoutIndexError)) throw error;
      throw new ToolError("noInput", `cannot read ${join(this.folder, "index.json")}`, { why: error.message });
    }
  }

  /**
   * Reads the blob of a manifest. Throws `noInput` if the blob cannot be read, and `registry` if the blob is longer
   * than {@link MAX_MANIFEST_BYTES}. The caller must check the digest. `reference` is the name of the manifest in
   * messages.
   */
  async readManifest(digest: Digest, reference: string): Promise<Buffer> {
    const path = this.pathOf(digest);
    const { size } = await stat(path).catch((error) => {
      throw cannotRead(path, error);
    });
    if (size > MAX_MANIFEST_BYTES)
      throw new ToolError("registry", `the manifest ${reference} is longer than ${MAX_MANIFEST_BYTES} bytes`);
    return readFile(path).catch((error) => {
      throw cannotRead(path, error);
    });
  }

  /** Reads a text file of the layout. Returns undefined if the file is missing. */
  async readText(name: string): Promise<string | undefined> {
    const path = join(this.folder, name);
    try {
      return await readFile(path, "utf8");
    } catch (error) {
      if (systemCode(error) === "ENOENT") return undefined;
      throw cannotRead(path, error);
    }
  }

  /** Writes a text file of the layout. */
  async writeText(name: string, text: string): Promise<void> {
    await this.write(async (file) => {
      await file.writeFile(text);
      return join(this.folder, name);
    });
  }

  /**
   * Writes a file atomically. The function `write` writes the content to an open temporary file, and returns a path.
   * After that, this method renames the temporary file to this path. Throws `cannotCreate` if a system call fails.
   */
  async write(write: (file: FileHandle) => Promise<string>): Promise<void> {
    await writeAtomically(this.folder, write).catch((error) => {
      if (!isSystemError(error)) throw error;
      throw new ToolError("cannotCreate", `cannot write to ${this.folder}`, { why: reasonOf(error), cause: error });
    });
  }
}
