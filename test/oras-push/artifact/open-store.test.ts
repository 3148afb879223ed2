import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { openStore } from "oras-push/artifact/open-store";
import { refuse } from "../../../support/registry/memory-registry.ts";
import { PLAIN_CONNECTION } from "../../support/plain-connection.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { type Cleaner, memoryRegistry, NO_PROGRESS } from "../support.ts";

/** Lists the tags of a registry that requires credentials. Returns the user and password that the registry received. */
async function receivedBy(t: Cleaner, access: "pull" | "pull,push", env: NodeJS.ProcessEnv, plan = PLAIN_CONNECTION) {
  const registry = await memoryRegistry(t);
  let received: string | undefined;
  registry.intercept((request, response) => {
    const { authorization } = request.headers;
    if (authorization !== undefined) received = Buffer.from(authorization.slice("Basic ".length), "base64").toString();
    else refuse(response.setHeader("www-authenticate", "Basic"), 401, "UNAUTHORIZED", "no credentials");
    return authorization === undefined;
  });
  const reference = { registry: registry.address, repository: "team/run", tag: "1", digest: undefined };
  const context = {
    env: { ...env, ...(env.CONFIG === undefined ? {} : { DOCKER_CONFIG: dockerConfig(t, registry.address) }) },
    signal: new AbortController().signal,
    log: () => {},
    warn: () => {},
    progress: NO_PROGRESS,
  };
  const store = await openStore(reference, access, plan, context);
  await store.listTags().catch(() => {});
  return received;
}

/** Creates a docker config. It contains one user for a registry and one user for each of two paths in this registry. */
function dockerConfig(t: Cleaner, registry: string): string {
  const folder = join(temporaryFolder(t), "docker");
  mkdirSync(folder);
  const entry = (user: string) => ({ auth: Buffer.from(`${user}:pw`).toString("base64") });
  const auths = {
    [registry]: entry("all"),
    [`${registry}/team`]: entry("team"),
    [`${registry}/other`]: entry("other"),
  };
  writeFileSync(join(folder, "config.json"), JSON.stringify({ auths }));
  return folder;
}

describe("the credentials of a store", () => {
  it("come from the environment, without a newline at their end", async (t) => {
    const env = { ORAS_USER: "bob\n", ORAS_PUSH_PASS: "push-pw\n", ORAS_PULL_PASS: "pull-pw\r\n" };
    assert.equal(await receivedBy(t, "pull,push", env), "bob:push-pw");
    assert.equal(await receivedBy(t, "pull", env), "bob:pull-pw");
  });

  it("come from the docker config if the password is only a newline", async (t) => {
    assert.equal(await receivedBy(t, "pull", { ORAS_USER: "bob", ORAS_PULL_PASS: "\n", CONFIG: "yes" }), "team:pw");
  });

  it("are those of the repository's most specific key in the docker config", async (t) => {
    assert.equal(await receivedBy(t, "pull", { CONFIG: "yes" }), "team:pw");
  });
});
