/** Environment variables that Node itself reads. In a pod, these variables are meant for the application. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { run, runTool, startTool } from "../../support/tools.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { launch, places } from "./launching.ts";

/** Variables with values that would change or end a Node process. */
const VARIABLES: readonly NodeJS.ProcessEnv[] = [
  { NODE_UNIQUE_ID: "1" },
  { NODE_CHANNEL_FD: "99", NODE_CHANNEL_SERIALIZATION_MODE: "json" },
  { NODE_OPTIONS: "--no-such-option" },
  { NODE_EXTRA_CA_CERTS: "/nonexistent" },
  { NODE_TLS_REJECT_UNAUTHORIZED: "0" },
  { NODE_USE_ENV_PROXY: "1", HTTP_PROXY: "not a URL" },
  { NODE_USE_SYSTEM_CA: "1" },
  { NODE_REDIRECT_WARNINGS: "/nonexistent/file" },
  { NODE_COMPILE_CACHE: "/dev/null/folder" },
  { NODE_ICU_DATA: "/nonexistent" },
  { NODE_PENDING_DEPRECATION: "1", NODE_PRESERVE_SYMLINKS: "1" },
  { NODE_TEST_CONTEXT: "child-v8" },
  { OPENSSL_CONF: "/etc/passwd", OPENSSL_MODULES: "/nonexistent" },
  { SSLKEYLOGFILE: "/nonexistent/file" },
  { UV_THREADPOOL_SIZE: "0", UV_USE_IO_URING: "1" },
  { TZ: "No/Such_Zone", LC_ALL: "none" },
];

describe("variables of Node", { timeout: 60_000 }, () => {
  for (const variables of VARIABLES)
    it(`do not affect the launcher, and reach the command: ${Object.keys(variables).join(", ")}`, async (context) => {
      const names = Object.keys(variables);
      const script = `printf '%s\\n' ${names.map((name) => `"$${name}"`).join(" ")}; exit 7`;
      const options = { env: { PATH: process.env.PATH, ...variables } };
      const { code, stdout, stderr } = await launch(places(context), ["--", "sh", "-c", script], options);
      assert.deepEqual(
        { code, stdout, stderr },
        { code: 7, stdout: names.map((name) => `${variables[name]}\n`).join(""), stderr: "" },
      );
    });

  for (const variables of VARIABLES)
    it(`do not affect a sidecar: ${Object.keys(variables).join(", ")}`, async (context) => {
      const share = temporaryFolder(context);
      writeFileSync(join(share, "oras-operator-done.txt"), "");
      const { code, stderr } = await runTool("oras-push", ["sidecar", "--share", share, "NA", "NA"], {
        env: variables,
      });
      assert.equal(code, 0, stderr);
    });
});

describe("the command", { timeout: 60_000 }, () => {
  it("has the same variables as the launcher, also without any", async (context) => {
    const at = places(context);
    const script = "cat /proc/self/environ";
    for (const env of [{}, { A: "b=c", EMPTY: "", "with space": "x\ny", NODE_UNIQUE_ID: "2" }]) {
      const running = startTool("launcher", ["-q", "--share", at.share, "--", "/bin/cat", "/proc/self/environ"], {
        env,
      });
      const words = (await running.ended).stdout.split("\0").filter(Boolean);
      assert.deepEqual(
        words.sort(),
        Object.entries(env)
          .map(([name, value]) => `${name}=${value}`)
          .sort(),
        script,
      );
    }
  });
});

describe("a process whose work waits for nothing any more", () => {
  it("fails with 70, not with 0", async () => {
    const script = `
      import { runProcess } from "shared/cli/process";
      void runProcess("tool", () => new Promise(() => {}));`;
    const { code, stderr } = await run(process.execPath, ["--input-type=module", "-e", script]);
    assert.equal(code, 70);
    assert.match(stderr, /^tool: the process ended before its work was done\n/);
  });
});
