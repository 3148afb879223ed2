import { join } from "node:path";
import { imageArchive } from "../images/build.ts";
import { busyboxImage, hwlocImage, mpiImage, pauseImage, registryImage } from "../images/plans.ts";
import { PAUSE_IMAGE } from "./configuration.ts";
import { PROGRAMS } from "./settings.ts";

/** The names of the public images of the experiments. */
export const EXPERIMENT_IMAGES = {
  hwloc: "ghcr.io/converged-computing/metric-hwloc:latest",
  lammps: "ghcr.io/converged-computing/metric-lammps:latest",
} as const;

/** The image of OpenMPI. It has the name that the guide gives to the reader's own image. */
export const MPI_IMAGE = "registry.example.org/lammps-mpi:1.0";

/**
 * Returns the archives of the images that the manifests name, except the image of the tools. Most images are made from
 * Debian packages, but have the names of public images.
 */
export async function clusterImages(): Promise<string[]> {
  const images = {
    [PAUSE_IMAGE]: pauseImage(join(PROGRAMS, "pause")),
    "docker.io/library/busybox:1.37": busyboxImage(),
    "docker.io/library/registry:3.0.0": registryImage(),
    [EXPERIMENT_IMAGES.hwloc]: hwlocImage(),
    [MPI_IMAGE]: mpiImage(),
  };
  const archives: string[] = [];
  for (const [name, plan] of Object.entries(images)) archives.push(await imageArchive(plan, name));
  return archives;
}
