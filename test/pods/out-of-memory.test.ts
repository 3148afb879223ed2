/** The application of a podman pod runs out of memory. The kernel kills the launcher and the application together. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Podman } from "../../support/podman.ts";
import { startMemoryRegistry } from "../../support/registry/memory-registry.ts";
import { runTool } from "../../support/tools.ts";
import { buildToolsImage, PODMAN_SKIP } from "../support/podman.ts";
import { temporaryFolder } from "../support/temporary.ts";

const IMAGE = "localhost/oras-pod-tools-test";

/**
 * Writes an output to the volume, and then uses more and more memory. With cgroup v1, the kernel kills only one process
 * of the container. The score 1000 makes the kernel choose PID 1. When PID 1 ends, the container ends too.
 */
const APPLICATION = ["echo started > /mnt/oras/part", "echo 1000 > /proc/1/oom_score_adj", "exec tail /dev/zero"].join(
  "; ",
);

function podOf(reference: string, ...policy: readonly string[]) {
  const volumeMounts = [{ name: "share", mountPath: "/mnt/oras" }];
  const container = (name: string, command: readonly string[], more: object = {}) => ({
    name,
    image: IMAGE,
    imagePullPolicy: "Never",
    command,
    volumeMounts,
    ...more,
  });
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "hungry" },
    spec: {
      restartPolicy: "Never",
      volumes: [{ name: "share", emptyDir: {} }],
      containers: [
        container("application", ["/tools/launcher", "--output", "/mnt/oras/part", "--", "sh", "-c", APPLICATION], {
          resources: { limits: { memory: "192Mi" } },
        }),
        container("sidecar", ["/tools/oras-push", "sidecar", ...policy, "NA", reference]),
      ],
    },
  };
}

describe("a pod whose application runs out of memory", {
  skip: PODMAN_SKIP,
  timeout: 180_000,
}, () => {
  it("has a sidecar that follows its policy and exits within two seconds", async (t) => {
    const folder = temporaryFolder(t);
    const registry = await startMemoryRegistry();
    t.after(() => registry.close());
    const podman = new Podman(join(folder, "podman"));
    await using _cleaned = podman;
    await buildToolsImage(podman, IMAGE, join(folder, "context"));
    for (const [policy, pushed] of [
      [[], true],
      [["--incomplete-run", "discard"], false],
    ] as const) {
      const tag = pushed ? "kept" : "discarded";
      const down = await podman.play(podOf(`${registry.address}/metric/oom:${tag}`, ...policy));
      const application = await podman.waitForExit("hungry-application");
      const sidecar = await podman.waitForExit("hungry-sidecar");
      assert.equal(application.exitCode, 137);
      assert.equal(sidecar.exitCode, 79);
      t.diagnostic(`${tag}: the sidecar exited ${sidecar.at - application.at} ms after the application`);
      assert.ok(sidecar.at - application.at < 2000);
      assert.equal(registry.manifests.has(`metric/oom:${tag}`), false);
      assert.equal(registry.manifests.has(`metric/oom:${tag}-incomplete`), pushed);
      await down();
    }
    const args = ["pull", `${registry.address}/metric/oom:kept-incomplete`, "-o", "pulled"];
    assert.equal((await runTool("oras-push", args, { cwd: folder })).code, 0);
    assert.equal(readFileSync(join(folder, "pulled", "part"), "utf8"), "started\n");
  });
});
