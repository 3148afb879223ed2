import { basename, dirname } from "node:path";
import { DIST } from "../../../support/paths.ts";
import { toolPath } from "../../../support/tools.ts";
import type { Bench } from "../bench.ts";
import { measure } from "../measure.ts";

/** Measures the size of the executables and their libraries as an image layer. */
export async function measureImage(bench: Bench): Promise<void> {
  const { zstd, gzip } = bench.peers;
  const [zstdLevel, gzipLevel] = bench.scale.imageLevels;
  const installed = bench.emptyFolder("image");
  await measure({ argv: [toolPath("launcher"), "--install", `${installed}/bin`], cwd: dirname(DIST) });
  const megabytes = async (compressor: string, ...options: readonly string[]) => {
    const script = 'folder=$1; shift; tar -cf - "$folder" | "$@" | wc -c';
    const argv = ["sh", "-c", script, "sh", basename(installed), compressor, ...options] as const;
    const { stdout } = await measure({ argv, cwd: dirname(installed) });
    return Number(stdout) / 1e6;
  };
  const work = "the executables and their libraries";
  if (zstd !== undefined) {
    const values = [await megabytes(zstd, `-${zstdLevel}`, "-T0", "-q", "-c")];
    bench.addRow({ work, figure: "MB as a zstd layer", values, goal: 25 });
  }
  if (gzip !== undefined) {
    const values = [await megabytes(gzip, `-${gzipLevel}`, "-c")];
    bench.addRow({ work, figure: "MB as a gzip layer", values, goal: 35 });
  }
}
