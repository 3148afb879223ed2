import { setTimeout as sleep } from "node:timers/promises";
import { NODE_NAME } from "../../../support/cluster/settings.ts";
import { ROOT } from "../../../support/paths.ts";
import { runTool } from "../../../support/tools.ts";
import type { NodeRegistry } from "../../support/cluster-registries.ts";
import {
  addTemporaryFolder,
  type JobChanges,
  limitMemory,
  limitVolume,
  OUTPUT,
  REPOSITORY,
  restartOnFailure,
} from "./job.ts";
import type { RunningStep } from "./running-step.ts";

/** One way in which a step can end. */
export interface Ending {
  readonly name: string;
  readonly changes: JobChanges;
  /** Makes the step end in this way. The test calls this function directly after it has created the Job. */
  readonly act?: (step: RunningStep, registry: NodeRegistry) => Promise<void>;
  /** The initial state of a registry that only this ending uses. `password`: running, and requires a password. */
  readonly registry?: "stopped" | "running" | "password";
  /** True if this ending runs alone. Such an ending disturbs other pods of the node, or depends on the node's speed. */
  readonly alone?: true;
  /**
   * The names of other endings. If a busy node is too slow for this ending, the test also accepts the result of an
   * ending in this list.
   */
  readonly onBusyNode?: readonly string[];
}

/** The names of endings that {@link Ending.onBusyNode} can refer to. */
const EVICTED = {
  withoutSigterm: "the pod is evicted, and the application ignores SIGTERM",
  withoutPush: "the pod is evicted, and the push does not end in time",
};

/** Writes the file `a` and says so. */
const WRITE = `mkdir ${OUTPUT} && echo first > ${OUTPUT}/a && echo written`;

/** Waits until the test creates the file `go` or `fail` on the volume. */
const WAIT = "until [ -e /mnt/oras/go ] || [ -e /mnt/oras/fail ]; do sleep 0.1; done; [ -e /mnt/oras/go ]";

/** Writes a file that takes long enough to push, so that something can happen during the push. */
const WRITE_MUCH = `head -c 200000000 /dev/urandom > ${OUTPUT}/b`;

/** Makes the shared volume exceed its size limit. `fallocate` writes no data, so it does not slow down the pushes. */
const EXCEED_LIMIT = "fallocate -l 200000000 /mnt/oras/scratch";

/** An application that ends at once. */
const script = (...lines: readonly string[]) => ({ command: ["sh", "-ec", [WRITE, ...lines].join("\n")] });

const waiting = script(WAIT);

/** An application that copies its input to its output. */
const copying = {
  command: ["sh", "-ec", `cp -r /mnt/oras/in ${OUTPUT}`],
  launcher: ["--input", "/mnt/oras/in"],
  input: `${REPOSITORY}/inputs:late`,
};

/** Every ending of the table in `docs/endings.md`, in the order of its rows. */
export const ENDINGS: readonly Ending[] = [
  { name: "the application succeeds", changes: script() },
  { name: "the application exits with 3", changes: script("exit 3") },
  {
    name: "the application is killed",
    // Kubernetes replaces `$$` by `$`.
    changes: script("kill -9 $$$$"),
  },
  {
    name: "the application exceeds its memory limit",
    changes: { ...script("tail /dev/zero"), edit: limitMemory },
  },
  { name: "the application's program does not exist", changes: { command: ["missing"] } },
  {
    name: "the launcher is killed; the output is on the shared volume",
    changes: waiting,
    act: async (step) => {
      await step.written();
      step.kill(/bin\/launcher /);
    },
  },
  {
    name: "the launcher is killed; the output is not on the shared volume",
    changes: {
      command: ["sh", "-ec", `mkdir /tmp/out; echo first > /tmp/out/a; echo written; ${WAIT}`],
      output: "/tmp/out",
      edit: addTemporaryFolder,
    },
    act: async (step) => {
      await step.written();
      step.kill(/bin\/launcher /);
    },
  },
  {
    name: "the sidecar is killed while the application runs",
    changes: waiting,
    act: async (step) => {
      await step.written();
      step.kill(/oras-push sidecar /);
      step.signal("go");
    },
  },
  {
    name: "the sidecar is killed during the push",
    registry: "running",
    changes: script(WRITE_MUCH),
    act: async (step, registry) => {
      await step.written();
      await untilReceiving(registry);
      step.kill(/oras-push sidecar /);
    },
  },
  {
    name: "`kubectl delete pod`; the application does not handle SIGTERM",
    changes: waiting,
    act: async (step) => {
      await step.written();
      await step.kubectl("delete", "pod", step.pod, "--wait=false");
    },
  },
  {
    name: "`kubectl delete pod`; the application writes the file `b` at SIGTERM",
    changes: script(`trap 'echo second > ${OUTPUT}/b; exit 0' TERM`, WAIT),
    act: async (step) => {
      await step.written();
      await step.kubectl("delete", "pod", step.pod, "--wait=false");
    },
  },
  {
    name: "the pod's `activeDeadlineSeconds` passes",
    changes: waiting,
    act: async (step) => {
      await step.written();
      await step.kubectl("patch", "pod", step.pod, "-p", '{"spec":{"activeDeadlineSeconds":1}}');
    },
  },
  {
    name: "the Job's `activeDeadlineSeconds` passes",
    changes: waiting,
    act: async (step) => {
      await step.written();
      await step.kubectl("patch", "job", step.job, "-p", '{"spec":{"activeDeadlineSeconds":1}}');
    },
  },
  {
    name: "the registry starts only after the application has ended",
    registry: "stopped",
    changes: script(),
    act: async (step, registry) => {
      await step.written();
      await sleep(3000);
      await registry.start();
    },
  },
  {
    name: "the registry is killed during the push, and starts again",
    registry: "running",
    changes: script(WRITE_MUCH),
    act: async (step, registry) => {
      await step.written();
      await untilReceiving(registry);
      await registry.kill();
      await sleep(1000);
      await registry.start();
    },
  },
  {
    name: "the registry is away for longer than `--retry-for`",
    registry: "stopped",
    changes: { ...script(), sidecar: ["--retry-for", "3"] },
    act: async (step, registry) => {
      // The registry starts only after the pod has ended. Until the kubelet notices the end of the application, it
      // restarts a failed sidecar. If the registry were already running, the restarted sidecar would push the output.
      await step.podEnded();
      await registry.start();
    },
  },
  {
    name: "the password is wrong",
    registry: "password",
    changes: { ...script(), env: { ORAS_USER: "user", ORAS_PUSH_PASS: "wrong", ORAS_PULL_PASS: "wrong" } },
  },
  {
    name: "the input arrives late",
    registry: "running",
    changes: { ...copying, sidecar: ["--input-timeout", "120"] },
    act: async (step, registry) => {
      await step.started("oras");
      await sleep(2000);
      const reference = `${registry.address}/${REPOSITORY}/inputs:late`;
      const { code, stderr } = await runTool("oras-push", [reference, "package.json"], { cwd: ROOT });
      if (code !== 0) throw new Error(stderr);
    },
  },
  {
    name: "the input never arrives",
    registry: "running",
    changes: { ...copying, sidecar: ["--input-timeout", "5"] },
  },
  {
    name: "the application fails twice, with `backoffLimit: 2`",
    changes: {
      ...waiting,
      edit: (job) => {
        job.spec.backoffLimit = 2;
      },
    },
    act: async (step) => {
      for (const signal of ["fail", "fail", "go"]) {
        await step.written();
        step.signal(signal);
      }
    },
  },
  {
    name: "the application fails once, with `restartPolicy: OnFailure`",
    changes: { ...script("[ -e /mnt/oras/again ] || { touch /mnt/oras/again; exit 3; }"), edit: restartOnFailure },
  },
  {
    name: "the container runtime is killed and starts again",
    alone: true,
    changes: waiting,
    act: async (step) => {
      await step.written();
      await step.cluster.restart("containerd");
      // The application must not end before the restarted containerd has found the running containers. Otherwise,
      // containerd reports the exit code 255.
      await step.reachable();
      step.signal("go");
    },
  },
  {
    name: "the kubelet is killed and starts again",
    alone: true,
    changes: waiting,
    act: async (step) => {
      await step.written();
      await step.cluster.restart("kubelet");
      step.signal("go");
    },
  },
  {
    name: "the pod is evicted, because a file beside the output exceeds the volume's `sizeLimit`",
    alone: true,
    changes: { ...script(EXCEED_LIMIT, WAIT), edit: limitVolume },
    onBusyNode: [EVICTED.withoutSigterm, EVICTED.withoutPush],
  },
  {
    name: EVICTED.withoutSigterm,
    alone: true,
    changes: { ...script("trap '' TERM", EXCEED_LIMIT, WAIT), edit: limitVolume },
    onBusyNode: [EVICTED.withoutPush],
  },
  {
    name: EVICTED.withoutPush,
    alone: true,
    changes: { ...script("trap '' TERM", EXCEED_LIMIT, WAIT), edit: limitVolume },
    registry: "stopped",
    act: async (step, registry) => {
      await step.ended("oras");
      await registry.start();
    },
  },
  {
    name: "`kubectl drain`",
    alone: true,
    changes: waiting,
    act: async (step) => {
      await step.written();
      await step.kubectl(
        "drain",
        NODE_NAME,
        `--pod-selector=job-name=${step.job}`,
        "--delete-emptydir-data",
        "--timeout=60s",
      );
      await step.kubectl("uncordon", NODE_NAME);
      await step.written();
      step.signal("go");
    },
  },
];

async function untilReceiving(registry: NodeRegistry): Promise<void> {
  for (let attempt = 0; !registry.isReceiving(); attempt++) {
    if (attempt === 3000) throw new Error("no push has begun after 60 s");
    await sleep(20);
  }
}
