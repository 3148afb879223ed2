import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { findProgram } from "../debian.ts";
import { debianRoot } from "../debian-root.ts";

/** A test image. It replaces a public image, because a machine without internet access cannot pull the public image. */
export interface ImagePlan {
  readonly name: string;
  /** The Debian packages whose files are in the image. An image with only static programs has no packages. */
  readonly packages?: readonly string[];
  /** The paths of folders that are in the packages but not in the image. */
  readonly without?: readonly string[];
  /** Other files of the image. Maps the path of each file to its source on this machine. */
  readonly files?: Readonly<Record<string, string>>;
  /** The paths of links to busybox. */
  readonly applets?: readonly string[];
  /**
   * Folders with write permission for everyone. If podman mounts a volume at such a folder, the volume gets the mode of
   * the folder.
   */
  readonly shared?: readonly string[];
  /** Maps the path of each text file in the image to its content. Everyone can execute these files. */
  readonly texts?: Readonly<Record<string, string>>;
  /** Maps the path of each symbolic link to its target, except for links to busybox. */
  readonly links?: Readonly<Record<string, string>>;
  /** More lines for the Containerfile. */
  readonly instructions?: readonly string[];
}

/** The path of busybox in the images. */
export const BUSYBOX = "/bin/busybox";

/** busybox with links for all its programs, like the public images of busybox and Alpine. */
export function busyboxImage(): ImagePlan {
  const busybox = findProgram("busybox") as string;
  const applets = execFileSync(busybox, ["--list"], { encoding: "utf8" }).trim().split("\n");
  const links = applets.filter((name) => name !== "busybox").map((name) => `/bin/${name}`);
  return { name: "localhost/busybox:test", files: { [BUSYBOX]: busybox }, applets: links, shared: ["/tmp"] };
}

/** Only one static program: `/seq`. */
export function staticImage(): ImagePlan {
  return { name: "localhost/static:test", files: { "/seq": findProgram("busybox") as string } };
}

/** Debian's hwloc and a shell. */
export function hwlocImage(): ImagePlan {
  const packages = ["hwloc", "busybox-static"];
  return { name: "localhost/hwloc:test", packages, applets: ["/bin/sh", "/bin/mkdir"], shared: ["/tmp"] };
}

/** Debian's registry, with the configuration of the public image of distribution. */
export function registryImage(): ImagePlan {
  const config = "/etc/docker/registry/config.yml";
  return {
    name: "localhost/registry:test",
    packages: ["docker-registry"],
    texts: {
      [config]: 'version: 0.1\nstorage: {filesystem: {rootdirectory: /var/lib/registry}}\nhttp: {addr: ":5000"}\n',
    },
    shared: ["/var/lib/registry"],
    instructions: [`ENTRYPOINT ["docker-registry", "serve", "${config}"]`],
  };
}

/** Only the first process of a pod. */
export function pauseImage(program: string): ImagePlan {
  return { name: "localhost/pause:test", files: { "/pause": program }, instructions: ['ENTRYPOINT ["/pause"]'] };
}

/** The folder of the ReaxFF example in the LAMMPS images. */
export const EXAMPLES = "/opt/lammps/examples/reaxff/HNS";

function exampleFiles(): Record<string, string> {
  const folder = join(debianRoot(hostArch(), ["lammps-examples"]), "usr/share/lammps/examples/reaxff/HNS");
  const names = ["in.reaxc.hns", "data.hns-equil", "ffield.reax.hns"];
  return Object.fromEntries(names.map((name) => [join(EXAMPLES, name), join(folder, name)]));
}

/** LAMMPS with ReaxFF as one static program, and the ReaxFF example of LAMMPS. */
export function lammpsImage(lmp: string): ImagePlan {
  return { name: "localhost/lammps:test", files: { "/bin/lmp": lmp, ...exampleFiles() }, shared: ["/tmp"] };
}

/** Debian's LAMMPS, and the ReaxFF example of LAMMPS. The example fails, because Debian's LAMMPS has no ReaxFF. */
export function debianLammpsImage(): ImagePlan {
  return { name: "localhost/lammps-debian:test", packages: ["lammps"], files: exampleFiles(), shared: ["/tmp"] };
}

/** The input of an example with the same atoms as the ReaxFF example, but with a simpler potential. */
const SIMPLE_INPUT = `variable x index 2
variable y index 2
variable z index 2
units real
atom_style charge
box tilt large
read_data data.hns-equil
replicate $x $y $z bbox
pair_style lj/cut 4.0
pair_coeff * * 0.1 1.0
timestep 0.1
velocity all create 300.0 41279 loop geom
fix 1 all nve
thermo 10
run 100
`;

/**
 * Debian's LAMMPS, and an example that does not need ReaxFF. This example has the name and the atoms of the ReaxFF
 * example.
 */
export function simpleLammpsImage(): ImagePlan {
  return {
    ...debianLammpsImage(),
    name: "localhost/lammps-simple:test",
    without: ["/usr/lib/gcc", "/usr/share/lammps"],
    texts: { [join(EXAMPLES, "in.reaxc.hns")]: SIMPLE_INPUT },
    // With the first OpenMPI setting, OpenMPI starts no other processes if LAMMPS runs without mpirun. With the second
    // setting, OpenMPI reports no missing drivers.
    instructions: [
      "ENV HOME=/tmp OMP_NUM_THREADS=1",
      "ENV OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_mca_base_component_show_load_errors=0",
    ],
  };
}

/** The MPI process with rank 0 prints the ranks and hosts of all processes. */
const RANKS = `#!/usr/bin/python3
from mpi4py import MPI

world = MPI.COMM_WORLD
lines = world.gather(f"rank {world.Get_rank()} of {world.Get_size()} on {MPI.Get_processor_name()}")
if world.Get_rank() == 0:
    print("\\n".join(lines))
`;

/** The common parts of the images with OpenMPI. OpenMPI starts its processes in several pods through ssh. */
const MPI = {
  packages: ["openmpi-bin", "openssh-client", "openssh-server", "busybox-static"],
  applets: ["/bin/sh"],
  // The package `openmpi-bin` does not contain this link. Debian creates the link when it installs the package.
  links: { "/usr/bin/mpirun": "mpirun.openmpi" },
  texts: { "/etc/passwd": "root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\n" },
} as const;

/** OpenMPI, ssh, and a program that replaces LAMMPS. This program sends messages between the processes. */
export function mpiImage(): ImagePlan {
  return {
    ...MPI,
    name: "localhost/mpi:test",
    packages: [...MPI.packages, "python3-mpi4py"],
    texts: { ...MPI.texts, "/bin/lmp": RANKS },
    shared: ["/tmp", EXAMPLES],
  };
}

/** OpenMPI, ssh, Debian's LAMMPS, and the example of {@link simpleLammpsImage}. */
export function mpiLammpsImage(): ImagePlan {
  const lammps = simpleLammpsImage();
  return {
    ...lammps,
    ...MPI,
    name: "localhost/mpi-lammps:test",
    packages: [...(lammps.packages ?? []), ...MPI.packages],
    texts: { ...lammps.texts, ...MPI.texts },
    shared: ["/tmp", EXAMPLES],
    instructions: ["ENV HOME=/tmp OMP_NUM_THREADS=1"],
  };
}

/** The architecture of this machine. */
export function hostArch(): "x64" | "arm64" {
  return process.arch as "x64" | "arm64";
}
