/** All differences between the guide and the test that follows the guide. */
import type { Cluster } from "../../../support/cluster/cluster.ts";
import { installJobSet } from "../../../support/cluster/jobset.ts";
import { ADDRESSES } from "../../../support/cluster/settings.ts";
import { letNodePull } from "../cluster-registries.ts";
import type { Step } from "./steps.ts";

/** A line of the guide that the test does not run. */
export interface Exception {
  readonly command: RegExp;
  readonly reason: string;
  /** What the test does instead. */
  readonly instead?: (cluster: Cluster) => Promise<void>;
}

/** A change to a file in the test's copy of the manifests. */
export interface FileChange {
  /** The path, relative to the folder of the manifests. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}

/** The lines that the test does not run. */
export const EXCEPTIONS: readonly Exception[] = [
  { command: /^npx -y pnpm@[\d.]+ build$/, reason: "the test run builds the executables before it runs the tests" },
  { command: /^npx -y pnpm@[\d.]+ images$/, reason: "the test run writes the image before it runs the tests" },
  { command: /^kind (create|delete) cluster$/, reason: "the test starts and stops its own cluster" },
  { command: /^kind load image-archive /, reason: "the test's cluster starts with the image" },
  { command: /^podman load /, reason: "an alternative to `kind load` on a machine with podman" },
  { command: /^skopeo copy /, reason: "an alternative to `kind load` for a cluster that pulls its images" },
  {
    command: /^docker (exec|cp) .*kind-control-plane/,
    reason: "the node of the test's cluster is no container: the test writes the same file to the folder of the node",
    instead: letNodePull,
  },
  {
    command: /^kubectl apply --server-side -f https:\/\/\S+\/jobset\/\S+\/manifests\.yaml$/,
    reason: "the test's cluster has no internet: the test installs the same version from its sources",
    instead: installJobSet,
  },
  {
    command: /^kubectl rollout status deployment jobset-controller-manager /,
    reason: "in the test's cluster, the controller of JobSet is a process of the node; the test waits for it",
  },
];

/** The changes to the test's copy of the manifests. */
export const FILE_CHANGES: readonly FileChange[] = [
  {
    file: "jobset/jobset.yaml",
    from: 'requests: { cpu: "2",',
    to: "requests: { cpu: 100m,",
    reason: "two workers that each request two processors do not fit on a small machine",
  },
  {
    file: "remote-registry/job.yaml",
    from: "      restartPolicy: Never\n",
    to: `      restartPolicy: Never\n      hostAliases: [{ ip: ${ADDRESSES.bridge}, hostnames: [registry.example.org] }]\n`,
    reason: "the name server of the test's cluster does not have the name of the remote registry",
  },
];

/** Returns the exceptions for the lines of a step. */
export function exceptionsOf({ script }: Step): Exception[] {
  const lines = script.split("\n");
  return EXCEPTIONS.filter(({ command }) => lines.some((line) => command.test(line)));
}

/**
 * Returns the script of a step without the lines that the test does not run. Returns an empty text if no line remains.
 */
export function runnableScript({ script }: Step): string {
  const lines = script.split("\n").filter((line) => !EXCEPTIONS.some(({ command }) => command.test(line)));
  return lines.join("\n").trim();
}

/** Returns the reasons why the test skips a step. Returns false if the test does not skip the step. */
export function skipReason(step: Step): string | false {
  const exceptions = exceptionsOf(step);
  if (runnableScript(step) !== "" || exceptions.some(({ instead }) => instead !== undefined)) return false;
  return exceptions.map(({ reason }) => reason).join("; ");
}

/** Returns the text of a file after a change. Throws if the file does not contain the text to replace. */
export function changedText(text: string, { file, from, to }: FileChange): string {
  if (!text.includes(from)) throw new Error(`${file} does not contain ${JSON.stringify(from)}`);
  return text.replaceAll(from, to);
}
