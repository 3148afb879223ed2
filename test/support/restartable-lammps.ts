import { lammpsArchive, reaxffLammps } from "../../scripts/lammps.ts";
import { EXPERIMENT_IMAGES } from "../../support/cluster/images.ts";
import { imageArchive } from "../../support/images/build.ts";
import { EXAMPLES, mpiLammpsImage } from "../../support/images/plans.ts";
import { annotatedJob } from "./annotated-job.ts";
import { NAMESPACE } from "./cluster.ts";

/** The log of LAMMPS. It contains every tenth step. */
export const LAMMPS_LOG: string = "/tmp/log.lammps";

/** The restart files. LAMMPS writes one after every tenth step. */
export const RESTART_FILES: string = "/tmp/state.*.restart";

const REAXFF = {
  replicate: "1 1 1",
  potential: `pair_style reax/c NULL
pair_coeff * * ${EXAMPLES}/ffield.reax.hns C H O N
fix charges all qeq/reax 1 0.0 10.0 1e-6 reax/c`,
  run: "",
};

/**
 * The settings for Debian's LAMMPS, which does not contain ReaxFF. They use a simpler potential. With this potential, a
 * run would take almost no time. Therefore, LAMMPS sleeps after every tenth step.
 */
const SIMPLE = {
  replicate: "2 2 2",
  potential: "pair_style lj/cut 4.0\npair_coeff * * 0.1 1.0",
  run: 'every 10 "shell busybox sleep 0.5"',
};

/**
 * Returns the archive of an image of LAMMPS. If this machine has a build of LAMMPS with ReaxFF, the image contains this
 * build. Otherwise, the image contains Debian's LAMMPS.
 */
export async function restartableLammpsArchive(): Promise<string> {
  return hasReaxff() ? await lammpsArchive() : await imageArchive(mpiLammpsImage(), EXPERIMENT_IMAGES.lammps);
}

/**
 * Returns the objects of an annotated Job that runs LAMMPS for `steps` steps. If the run is resumed, it continues from
 * the last restart file.
 */
export function lammpsJob(name: string, annotations: object, steps: number): readonly object[] {
  const { spec, ...job } = annotatedJob(name, annotations, {
    image: EXPERIMENT_IMAGES.lammps,
    imagePullPolicy: "IfNotPresent",
    workingDir: "/tmp",
    command: ["lmp", "-in", "/etc/hns/in.hns"],
    volumeMounts: [{ name: "hns", mountPath: "/etc/hns" }],
  });
  const { spec: pod, ...template } = spec.template;
  const volumes = [{ name: "hns", configMap: { name } }];
  return [
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: NAMESPACE }, data: { "in.hns": input(steps) } },
    {
      ...job,
      spec: {
        ...spec,
        backoffLimit: 20,
        podReplacementPolicy: "Failed",
        template: { ...template, spec: { ...pod, volumes } },
      },
    },
  ];
}

function hasReaxff(): boolean {
  return "path" in reaxffLammps();
}

function input(steps: number): string {
  const { replicate, potential, run } = hasReaxff() ? REAXFF : SIMPLE;
  return `variable resumed getenv ORAS_RESUMED
if "x\${resumed} == xtrue" then "jump SELF resumed"
units real
atom_style charge
box tilt large
read_data ${EXAMPLES}/data.hns-equil
replicate ${replicate} bbox
velocity all create 300.0 41279 loop geom
jump SELF begin
label resumed
read_restart ${RESTART_FILES}
label begin
${potential}
neigh_modify every 20 delay 0 check no
timestep 0.1
fix motion all nve
thermo 10
thermo_style custom step temp pe press
thermo_modify flush yes
restart 10 ${RESTART_FILES}
run ${steps} upto ${run}
`;
}
