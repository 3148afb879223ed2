import { basename, dirname } from "node:path";
import { DIST } from "../../../support/paths.ts";
import { toolPath } from "../../../support/tools.ts";
import type { Bench } from "../bench.ts";
import { measure } from "../measured.ts";

/** How large the executables are as a layer of an image, with the libraries that they need. */
export async function image(bench: Bench): Promise<void> {
  const { zstd, gzip } = bench.peers;
  const [zstdLevel, gzipLevel] = bench.scale.imageLevels;
  const installed = bench.emptyFolder("image");
  await measure({ argv: [toolPath("launcher"), "--install", `${installed}/bin`], cwd: dirname(DIST) });
  const size = async (compressor: string, ...options: readonly string[]) => {
    const script = 'tar -cf - "$@" | $COMPRESSOR | wc -c';
    const env = { COMPRESSOR: [compressor, ...options].join(" ") };
    const { stdout } = await measure({
      argv: ["sh", "-c", script, "sh", basename(installed)],
      cwd: dirname(installed),
      env,
    });
    return Number(stdout) / 1e6;
  };
  const work = "the executables with their libraries";
  if (zstd !== undefined)
    bench.row({
      work,
      figure: "MB as a zstd layer",
      values: [await size(zstd, `-${zstdLevel}`, "-T0", "-q", "-c")],
      goal: 36,
    });
  if (gzip !== undefined)
    bench.row({ work, figure: "MB as a gzip layer", values: [await size(gzip, `-${gzipLevel}`, "-c")], goal: 45 });
}
