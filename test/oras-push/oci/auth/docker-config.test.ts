import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import type { DockerConfig } from "oras-push/oci/auth/docker-auth";
import { credentialFor as credentialWith, dockerCredentials, readDockerConfig } from "oras-push/oci/auth/docker-config";
import { ToolError } from "shared/cli/tool-error";
import { temporaryFolder } from "../../../support/temporary.ts";

const HUB = "https://index.docker.io/v1/";
const base64 = (text: string) => Buffer.from(text).toString("base64");
const basic = (username: string, password: string) => ({ kind: "basic", username, password });
type Basic = ReturnType<typeof basic>;

const credentialFor = (registry: string, config: DockerConfig, env: NodeJS.ProcessEnv = {}) =>
  credentialWith(registry, config, { env });

/** Creates credential helpers. Returns an environment whose PATH contains the helpers. */
function helpers(t: TestContext, scripts: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const folder = temporaryFolder(t);
  for (const [name, script] of Object.entries(scripts)) {
    const file = join(folder, `docker-credential-${name}`);
    writeFileSync(file, `#!/bin/sh\n${script}\n`);
    chmodSync(file, 0o755);
  }
  return { PATH: `${folder}:${process.env.PATH}` };
}

describe("credentials in a docker config", () => {
  it("splits auth at the first colon into user and password", async () => {
    const config = { auths: { "r:5000": { auth: base64("me:a:b=ü") } } };
    assert.deepEqual(await credentialFor("r:5000", config), basic("me", "a:b=ü"));
  });

  it("uses username and password", async () => {
    const config = { auths: { r: { username: "me", password: "pw" } } };
    assert.deepEqual(await credentialFor("r", config), basic("me", "pw"));
  });

  it("treats the port as a part of the key", async () => {
    const config = { auths: { r: { auth: base64("a:b") } } };
    assert.equal(await credentialFor("r:5000", config), undefined);
  });

  it("accepts a key with a scheme and a path, but prefers an exact one", async () => {
    const auths = { "https://r:1/v2/": { auth: base64("long:1") }, "http://other": { auth: base64("o:2") } };
    assert.deepEqual(await credentialFor("r:1", { auths }), basic("long", "1"));
    assert.deepEqual(await credentialFor("other", { auths }), basic("o", "2"));
    const exact = { ...auths, "r:1": { auth: base64("exact:1") } };
    assert.deepEqual(await credentialFor("r:1", { auths: exact }), basic("exact", "1"));
  });

  it("uses the most specific key of the repository", async () => {
    const auths = Object.fromEntries(
      ["r:1", "r:1/team", "r:1/team/run", "r:1/team/run/more", "r:1/tea", "r:1/other/"].map((key) => [
        key,
        { auth: base64(`${key}:pw`.replace(":", "-")) },
      ]),
    );
    const user = async (repository: string, found: object = auths) =>
      (
        (await credentialWith(
          "r:1",
          { auths: found as NonNullable<DockerConfig["auths"]> },
          { env: {} },
          repository,
        )) as Basic
      ).username;
    assert.equal(await user("team/run"), "r-1/team/run");
    assert.equal(await user("team/run/less"), "r-1/team/run");
    assert.equal(await user("team/walk"), "r-1/team");
    assert.equal(await user("teams/run"), "r-1");
    assert.equal(await user("other/run"), "r-1/other/");
    assert.equal(
      await user("team", { "https://r:1/v1/": { auth: base64("a:b") }, "r:1/team": { auth: base64("c:d") } }),
      "c",
    );
  });

  it("accepts an auth that ends with a newline", async () => {
    const config = { auths: { r: { auth: base64("me:pw\n") } } };
    assert.deepEqual(await credentialFor("r", config), basic("me", "pw"));
  });

  it("uses the special key of Docker Hub", async () => {
    const auths = { [HUB]: { auth: base64("hub:1") } };
    for (const registry of ["docker.io", "index.docker.io", "registry-1.docker.io"])
      assert.deepEqual(await credentialFor(registry, { auths }), basic("hub", "1"));
  });

  it("reads an identity token as a refresh token, and a registry token as an access token", async () => {
    const auths = {
      a: { auth: base64("x:y"), identitytoken: "refresh" },
      b: { registrytoken: "access" },
      c: {},
      d: { auth: "" },
    };
    assert.deepEqual(await credentialFor("a", { auths }), { kind: "refresh", token: "refresh" });
    assert.deepEqual(await credentialFor("b", { auths }), { kind: "bearer", token: "access" });
    assert.equal(await credentialFor("c", { auths }), undefined);
    assert.equal(await credentialFor("d", { auths }), undefined);
    assert.equal(await credentialFor("e", {}), undefined);
  });

  it("rejects an auth without a colon, and does not show it", async () => {
    const config = { auths: { r: { auth: base64("secret") } } };
    await assert.rejects(credentialFor("r", config), (error: ToolError) => {
      assert.equal(error.code, "noInput");
      assert.match(error.message, /invalid entry for r$/);
      return !error.message.includes("secret") && !error.message.includes(base64("secret"));
    });
  });
});

describe("credential helpers", () => {
  it("get the registry on stdin, and take precedence over auths", async (t) => {
    const env = helpers(t, { test: `read -r key; echo '{"Username":"of '"$1 $key"'","Secret":"pw"}'` });
    const config = { credHelpers: { "r:1": "test" }, auths: { "r:1": { auth: base64("a:b") } } };
    assert.deepEqual(await credentialFor("r:1", config, env), basic("of get r:1", "pw"));
  });

  it("of a registry take precedence over the store of all registries", async (t) => {
    const answer = (name: string) => `cat >/dev/null; echo '{"Username":"${name}","Secret":"pw"}'`;
    const env = helpers(t, { one: answer("one"), all: answer("all") });
    const config = { credHelpers: { r: "one" }, credsStore: "all" };
    assert.deepEqual(await credentialFor("r", config, env), basic("one", "pw"));
    assert.deepEqual(await credentialFor("other", config, env), basic("all", "pw"));
  });

  it("return a token as a refresh token", async (t) => {
    const env = helpers(t, { test: `echo '{"Username":"<token>","Secret":"abc"}'` });
    assert.deepEqual(await credentialFor("r", { credsStore: "test" }, env), { kind: "refresh", token: "abc" });
  });

  it("without a credential leave the choice to auths", async (t) => {
    const env = helpers(t, { test: "echo 'credentials not found in native keychain'; exit 1" });
    const config = { credsStore: "test", auths: { r: { auth: base64("a:b") } } };
    assert.deepEqual(await credentialFor("r", config, env), basic("a", "b"));
  });

  it("that are missing, fail or return no JSON are named, and their output is not shown", async (t) => {
    const env = helpers(t, {
      fails: "echo 'secret'; exit 3",
      "no-json": "echo 'secret'",
      "no-text": `echo '{"Username":"me","Secret":["secret"]}'`,
    });
    for (const [name, why] of [
      ["fails", /exited with 3/],
      ["no-json", /not JSON/],
      ["no-text", /not JSON with Username and Secret/],
      ["missing", /not found on PATH/],
    ] as const)
      await assert.rejects(credentialFor("r", { credsStore: name }, env), (error: ToolError) => {
        assert.equal(error.code, "notAuthorized");
        assert.ok(error.message.includes(`docker-credential-${name}`), error.message);
        assert.match(error.why ?? "", why);
        return !`${error.message}${error.why}`.includes("secret");
      });
  });

  it("that fail are named with their stderr on one line, without secrets", async (t) => {
    const said = "cannot unlock\\nthe keychain of https://me:s3cret@r.example, password=s3cret, Bearer s3cretToken";
    const secret = `echo '{"Username":"me","Secret":"hidden"}'; printf 'hidden is wrong' >&2; exit 1`;
    const env = helpers(t, {
      locked: `printf '${said}' >&2; exit 2`,
      secret,
      long: "head -c 100000 /dev/zero | tr '\\0' a >&2; exit 1",
    });
    const why = (name: string) =>
      credentialFor("r", { credsStore: name }, env).then(
        () => assert.fail("it did not fail"),
        (error: ToolError) => error.why ?? "",
      );
    assert.equal(
      await why("locked"),
      "it exited with 2: cannot unlock the keychain of https://***@r.example, password=*** Bearer ***",
    );
    assert.equal(await why("secret"), "it exited with 1: *** is wrong");
    assert.ok((await why("long")).length < 400);
  });

  it("are not waited for if only a child holds their stderr", async (t) => {
    const env = helpers(t, { forks: `echo '{"Username":"me","Secret":"pw"}'; sleep 60 >/dev/null &` });
    const started = performance.now();
    assert.deepEqual(await credentialFor("r", { credsStore: "forks" }, env), basic("me", "pw"));
    assert.ok(performance.now() - started < 5000);
  });

  it("that hang are killed with their children after the timeout, and when the signal aborts", async (t) => {
    const pids = join(temporaryFolder(t), "pids");
    const env = helpers(t, { hangs: `sleep 60 & echo "$$ $!" >>${pids}; wait` });
    const config = { credsStore: "hangs" };
    await assert.rejects(
      credentialWith("r", config, { env, timeout: 500 }),
      (error: ToolError) => error.code === "notAuthorized" && /timed out/.test(error.why ?? ""),
    );
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("stop")), 500);
    await assert.rejects(credentialWith("r", config, { env, signal: controller.signal }), /^Error: stop$/);
    const started = readFileSync(pids, "utf8").trim().split(/\s+/).map(Number);
    assert.equal(started.length, 4);
    const running = (pid: number) =>
      existsSync(`/proc/${pid}`) && !/\(\w+\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
    await t.waitFor(() => assert.ok(!started.some(running)));
  });

  it("that exit before their children are waited for only until the timeout", async (t) => {
    const env = helpers(t, { forks: `echo '{"Username":"me","Secret":"pw"}'; sleep 60 &` });
    const started = performance.now();
    await assert.rejects(credentialWith("r", { credsStore: "forks" }, { env, timeout: 500 }), /forks failed/);
    assert.ok(performance.now() - started < 5000);
  });
});

describe("a docker config file", () => {
  const text = JSON.stringify({ auths: { r: { auth: base64("me:pw") } } });

  it("is found by its path, in a folder, and as a mounted pull secret", async (t) => {
    const folder = temporaryFolder(t);
    for (const name of ["plain", "secret"]) mkdirSync(join(folder, name));
    writeFileSync(join(folder, "any.json"), text);
    writeFileSync(join(folder, "plain", "config.json"), text);
    // If Kubernetes mounts a Secret, each file is a symbolic link. The target of this link is in a folder that is also
    // a symbolic link.
    mkdirSync(join(folder, "secret", "..2024"));
    writeFileSync(join(folder, "secret", "..2024", ".dockerconfigjson"), text);
    symlinkSync("..2024", join(folder, "secret", "..data"));
    symlinkSync("..data/.dockerconfigjson", join(folder, "secret", ".dockerconfigjson"));
    for (const name of ["any.json", "plain", "plain/config.json", "secret", "secret/.dockerconfigjson"])
      assert.deepEqual(await dockerCredentials(join(folder, name), { env: {} })("r"), basic("me", "pw"), name);
  });

  it("is the named one, else that of DOCKER_CONFIG, else that of the home folder", async (t) => {
    const folder = temporaryFolder(t);
    for (const name of ["named", "docker", "home"]) {
      mkdirSync(join(folder, name, ".docker"), { recursive: true });
      const content = JSON.stringify({ auths: { r: { auth: base64(`${name}:pw`) } } });
      writeFileSync(join(folder, name, "config.json"), content);
      writeFileSync(join(folder, name, ".docker", "config.json"), content);
    }
    const HOME = join(folder, "home");
    const DOCKER_CONFIG = join(folder, "docker");
    const credential = (named: string | undefined, env: NodeJS.ProcessEnv) => dockerCredentials(named, { env })("r");
    assert.deepEqual(await credential(join(folder, "named"), { HOME, DOCKER_CONFIG }), basic("named", "pw"));
    assert.deepEqual(await credential(undefined, { HOME, DOCKER_CONFIG }), basic("docker", "pw"));
    assert.deepEqual(await credential(undefined, { HOME, DOCKER_CONFIG: "" }), basic("home", "pw"));
  });

  it("may be missing unless it was named", async (t) => {
    const folder = temporaryFolder(t);
    assert.deepEqual(await readDockerConfig(undefined, {}), {});
    assert.deepEqual(await readDockerConfig(undefined, { HOME: folder }), {});
    assert.deepEqual(await readDockerConfig(undefined, { DOCKER_CONFIG: join(folder, "none") }), {});
    await assert.rejects(
      readDockerConfig(join(folder, "none"), {}),
      (error: ToolError) => error.code === "noInput" && error.message.includes(join(folder, "none")),
    );
  });

  it("that is not JSON is named, and its content is not shown", async (t) => {
    const file = join(temporaryFolder(t), "config.json");
    writeFileSync(file, 'secret{"auths":');
    await assert.rejects(readDockerConfig(file, {}), (error: ToolError) => {
      assert.equal(error.message, `cannot read ${file}`);
      assert.equal(error.why, "it is not JSON");
      return error instanceof ToolError && !String(error.stack).includes("secret");
    });
  });

  it("that has another form is named, and null fields are ignored", async (t) => {
    const file = join(temporaryFolder(t), "config.json");
    for (const content of [
      "null",
      "7",
      "[]",
      '"text"',
      '{"auths":[]}',
      '{"auths":"r"}',
      '{"auths":{"r":"bWU6cHc="}}',
      '{"auths":{"r":{"auth":7}}}',
      '{"credHelpers":["r"]}',
      '{"credHelpers":{"r":{}}}',
      '{"credsStore":true}',
    ]) {
      writeFileSync(file, content);
      await assert.rejects(
        readDockerConfig(file, {}),
        (error: ToolError) => error.message === `cannot read ${file}` && error.why === "it is not a docker config",
        content,
      );
    }
    writeFileSync(file, JSON.stringify({ auths: { r: { auth: base64("secret") } } }));
    await assert.rejects(
      dockerCredentials(file, { env: {} })("r"),
      (error: ToolError) => error.why?.endsWith(` in ${file}`) === true,
    );
    writeFileSync(file, '{"auths":{"r":null},"credHelpers":null}');
    assert.equal(await dockerCredentials(file, { env: {} })("r"), undefined);
    writeFileSync(file, '{"auths":null}');
    assert.equal(await dockerCredentials(file, { env: {} })("r"), undefined);
  });

  it("is read at the first use", async (t) => {
    const file = join(temporaryFolder(t), "config.json");
    const credentials = dockerCredentials(file, { env: {} });
    writeFileSync(file, text);
    assert.deepEqual(await credentials("r"), basic("me", "pw"));
  });
});
