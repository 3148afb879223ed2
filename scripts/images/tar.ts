import { execFileSync } from "node:child_process";
import { renameSync } from "node:fs";

/**
 * Writes the entries `names` of a folder to an archive. The archive depends only on the names, contents and execute
 * permissions of the files, and on `time`. `time` is in seconds since 1970. If a file has several names, the archive
 * contains hard links.
 */
export function writeTar(folder: string, names: readonly string[], archive: string, time: number): void {
  const fixed = ["--sort=name", `--mtime=@${time}`, "--owner=0", "--group=0", "--numeric-owner", "--mode=u=rwX,go=rX"];
  const temporary = `${archive}.${process.pid}.part`;
  execFileSync("tar", ["--format=ustar", ...fixed, "-cf", temporary, "-C", folder, ...names]);
  renameSync(temporary, archive);
}
