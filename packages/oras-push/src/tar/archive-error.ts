/** The error for an archive that cannot be read. The message is a clause, such as "it is truncated". */
export class ArchiveError extends Error {
  override readonly name = "ArchiveError";
}
