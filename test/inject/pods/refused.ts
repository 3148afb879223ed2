import { APPLICATION, invalid, OPERATOR, OWN, type PodCase, refused, STEP, toCase } from "./pod-case.ts";

/** Pods that injection refuses. */
export const REFUSED_CASES: readonly PodCase[] = [
  refused(
    "unknown-annotation",
    { operator: { ...STEP, "output-ur1": "a" } },
    `the annotation ${OPERATOR}output-ur1 does not exist: correct its name, or remove it`,
  ),
  refused(
    "unknown-own-annotation",
    { operator: STEP, own: { log: "true" } },
    `the annotation ${OWN}log does not exist: correct its name, or remove it`,
  ),
  refused(
    "numbered-input-with-zero",
    { operator: { ...STEP, "input-uri_01": "a:1" } },
    `the annotation ${OPERATOR}input-uri_01 does not exist: correct its name, or remove it`,
  ),
  refused(
    "not-a-list",
    { operator: { ...STEP, "output-path": "/a\n/b" } },
    `the annotation ${OPERATOR}output-path must be a path, not "/a /b"`,
  ),
  invalid("no-tag", { operator: { "output-uri": "guide/answer" } }, "REPOSITORY:TAG"),
  invalid("empty-value", { operator: { "output-uri": "" } }, "REPOSITORY:TAG"),
  invalid("empty-list", { own: { include: "\n" } }, "patterns, one per line"),
  invalid("wrong-flag", { operator: { debug: "yes" } }, '"true" or "false"'),
  invalid("unpack-off", { operator: { unpack: "false" } }, '"true", because a pull always restores folders'),
  invalid("wrong-number", { own: { timeout: "1m" } }, "a number of seconds, such as 60"),
  invalid("wrong-choice", { own: { "failed-run": "keep" } }, "push or discard"),
  invalid("wrong-numbered-input", { operator: { "input-uri_1": "w/a" } }, "REPOSITORY:TAG or REPOSITORY@DIGEST"),
  invalid(
    "wrong-host",
    { operator: { registry: "https://example.org" } },
    "HOST or HOST:PORT, without https:// and without a path",
  ),
  refused(
    "both-names",
    { operator: { ...STEP, container: "app" }, own: { container: "app" } },
    `the annotations ${OPERATOR}container and ${OWN}container cannot be used together: remove one of them`,
  ),
  refused(
    "no-registry",
    { operator: { "output-uri": "a:1", "output-path": "b" } },
    `the registry is missing: write ${OPERATOR}oras-cache: NAME or ${OPERATOR}registry: HOST`,
  ),
  refused(
    "no-destination",
    { operator: { "oras-cache": "oras", "output-path": "b" } },
    `the output has no destination: write ${OPERATOR}output-uri: REPOSITORY:TAG or ${OWN}push-to: REGISTRY/REPOSITORY:TAG`,
  ),
  refused(
    "no-output",
    { operator: { "oras-cache": "oras", "output-uri": "a:1" } },
    `nothing is saved for the destination: write ${OPERATOR}output-path: PATH or ${OWN}output: PATH`,
  ),
  refused(
    "nothing",
    { operator: { "oras-cache": "oras" } },
    `the annotations name neither an input nor an output: write ${OPERATOR}output-uri and ${OPERATOR}output-path, or remove the annotations`,
  ),
  refused(
    "several-without-name",
    { operator: STEP, containers: [APPLICATION, { ...APPLICATION, name: "other" }] },
    `the pod has several containers: write ${OPERATOR}container: NAME`,
  ),
  refused(
    "restarts",
    { operator: STEP, spec: { restartPolicy: "Always" } },
    "the pod's restartPolicy is Always, so its command never ends: write restartPolicy: Never or restartPolicy: OnFailure",
  ),
  refused(
    "taken-container",
    { operator: { ...STEP, container: "app" }, containers: [APPLICATION, { ...APPLICATION, name: "oras" }] },
    "the pod already has a container named oras, perhaps from the ORAS Operator: rename or remove it",
  ),
  refused(
    "taken-volume",
    { operator: STEP, spec: { volumes: [{ name: "oras", emptyDir: {} }] } },
    "the pod already has a volume named oras: rename the volume",
  ),
  refused(
    "taken-path",
    {
      operator: STEP,
      spec: { volumes: [{ name: "mine", emptyDir: {} }] },
      container: { volumeMounts: [{ name: "mine", mountPath: "/mnt/oras" }] },
    },
    "the container app already mounts a volume at /mnt/oras: mount the volume at another path",
  ),
  refused(
    "unknown-condition",
    { operator: STEP, own: { "only-if": "ROLE=leader" } },
    `${OWN}only-if names the variable ROLE, which the container app does not set: add the variable to its env`,
  ),
  toCase(
    "no-command",
    { operator: STEP, containers: [{ name: "app", image: "docker.io/library/busybox:1.37", args: ["-c", "true"] }] },
    {
      kind: "no-command",
      why: "the container app has no command: write its command, because the entrypoint of its image is unknown",
    },
  ),
];
