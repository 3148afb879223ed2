/** Why an archive is broken. The message is a clause, such as "it is truncated". */
export class ArchiveError extends Error {
  override readonly name = "ArchiveError";
}
