/** The check for the restricted profile finds each violation. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { restrictedViolations } from "../support/pod-security.ts";
import type { Pod } from "../support/pod-spec.ts";

describe("restricted profile", () => {
  const context = {
    runAsUser: 1000,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  };
  const podWith = (spec: object, security: object): Pod => ({
    name: "pod",
    labels: {},
    annotations: {},
    claims: [],
    variables: {},
    spec: {
      securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
      ...spec,
      containers: [{ name: "c", image: "i", securityContext: { ...context, ...security } }],
    },
  });

  it("is met by a pod with all required fields", () => {
    assert.deepEqual(restrictedViolations(podWith({ volumes: [{ name: "v", emptyDir: {} }] }, {})), []);
  });

  for (const [what, spec, security] of [
    ["c may run as root", {}, { runAsUser: 0 }],
    ["c may run as root", { securityContext: { seccompProfile: { type: "RuntimeDefault" } } }, {}],
    ["c has no system call filter", { securityContext: { runAsNonRoot: true } }, {}],
    ["c is privileged", {}, { privileged: true }],
    ["c may gain privileges", {}, { allowPrivilegeEscalation: undefined }],
    ["c keeps capabilities", {}, { capabilities: {} }],
    ["c adds capabilities", {}, { capabilities: { drop: ["ALL"], add: ["SYS_ADMIN"] } }],
    ["c may write to its root", {}, { readOnlyRootFilesystem: false }],
    ["mounts hostPath", { volumes: [{ name: "v", hostPath: { path: "/" } }] }, {}],
    ["shares a namespace of the host", { hostNetwork: true }, {}],
  ] as const) {
    it(`is not met by a pod that ${what.replace(/^c /, "")}`, () => {
      assert.deepEqual(restrictedViolations(podWith(spec, security)), [what]);
    });
  }
});
