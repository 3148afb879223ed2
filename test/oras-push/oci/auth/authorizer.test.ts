import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Authorizer, type TokenRequest } from "oras-push/oci/auth/authorizer";
import type { Credential } from "oras-push/oci/auth/credential";
import { ToolError } from "shared/cli/tool-error";

const SECURE = new URL("https://registry.example");
const BEARER = 'Bearer realm="https://auth.example/token?account=a",service="s",scope="other:pull"';

/**
 * Creates an authorizer whose token server returns `answer`. Also returns the requests that the token server receives.
 */
function authorizer(answer: unknown, credential?: Credential) {
  const requests: Parameters<TokenRequest>[] = [];
  const request: TokenRequest = async (...parameters) => {
    requests.push(parameters);
    return { status: 200, body: Buffer.from(typeof answer === "string" ? answer : JSON.stringify(answer)) };
  };
  return { requests, it: new Authorizer("registry.example", async () => credential, request) };
}

describe("an authorizer", () => {
  it("sends no header before the first challenge", async () => {
    const { it: subject } = authorizer({}, { kind: "basic", username: "me", password: "pw" });
    assert.equal(await subject.header("scope"), undefined);
  });

  it("answers a basic challenge once, with user and password", async () => {
    const { it: subject } = authorizer({}, { kind: "basic", username: "me", password: "p:w" });
    assert.equal(await subject.answer('Basic realm="r"', "scope", SECURE), true);
    assert.equal(await subject.header("any scope"), `Basic ${Buffer.from("me:p:w").toString("base64")}`);
    assert.equal(
      await subject.answer('Basic realm="r"', "scope", SECURE),
      false,
      "it would send the same credentials again",
    );
  });

  it("does not answer a basic challenge without a credential, nor an unknown challenge", async () => {
    const { it: subject } = authorizer({});
    assert.equal(await subject.answer('Basic realm="r"', "scope", SECURE), false);
    assert.equal(await subject.answer("Negotiate", "scope", SECURE), false);
    assert.equal(await subject.answer(undefined, "scope", SECURE), false);
  });

  it("requests a token with the service, its own scope and the scope of the challenge", async () => {
    const { it: subject, requests } = authorizer({ token: "t" }, { kind: "basic", username: "me", password: "pw" });
    assert.equal(await subject.answer(BEARER, "repository:a:pull", SECURE), true);
    assert.equal(
      requests[0]?.[0].href,
      "https://auth.example/token?account=a&service=s&scope=repository%3Aa%3Apull&scope=other%3Apull",
    );
    assert.equal(requests[0]?.[1].authorization, `Basic ${Buffer.from("me:pw").toString("base64")}`);
    assert.equal(await subject.header("repository:a:pull"), "Bearer t");
    assert.equal(await subject.header("repository:b:pull"), undefined, "a token is for one scope");
  });

  it("requests one token for two requests at the same time", async () => {
    const { it: subject, requests } = authorizer({ token: "t" });
    const answers = await Promise.all([subject.answer(BEARER, "a", SECURE), subject.answer(BEARER, "a", SECURE)]);
    assert.deepEqual(answers, [true, true]);
    assert.equal(requests.length, 1);
    assert.equal(await subject.answer(BEARER, "a", SECURE), true);
    assert.equal(requests.length, 2, "a later challenge needs a new token");
  });

  it("requests an anonymous token without a credential", async () => {
    const { it: subject, requests } = authorizer({ token: "t" });
    assert.equal(await subject.answer(BEARER, "scope", SECURE), true);
    assert.deepEqual(requests[0]?.[1], {});
  });

  it("exchanges a refresh token with a form", async () => {
    const { it: subject, requests } = authorizer({ access_token: "a", token: "t" }, { kind: "refresh", token: "r" });
    await subject.answer(BEARER, "scope", SECURE);
    assert.equal(requests[0]?.[0].href, "https://auth.example/token?account=a");
    assert.deepEqual(Object.fromEntries(requests[0]?.[1].form ?? []), {
      grant_type: "refresh_token",
      refresh_token: "r",
      client_id: "oras-push",
      service: "s",
      scope: "scope other:pull",
    });
    assert.equal(await subject.header("scope"), "Bearer a");
  });

  it("uses an access token without a token server", async () => {
    const { it: subject, requests } = authorizer({}, { kind: "bearer", token: "mine" });
    assert.equal(await subject.answer(BEARER, "scope", SECURE), true);
    assert.equal(await subject.header("scope"), "Bearer mine");
    assert.equal(requests.length, 0);
  });

  for (const [what, answer, valid, renewed] of [
    ["renews a token in its last seconds, without another challenge", { token: "t", expires_in: 100 }, 94, 96],
    ["renews a token of unknown life after a minute", { token: "t" }, 50, 60],
  ] as const)
    it(what, async (t) => {
      t.mock.timers.enable({ apis: ["Date"] });
      const { it: subject, requests } = authorizer(answer);
      await subject.answer(BEARER, "scope", SECURE);
      t.mock.timers.tick(valid * 1000);
      assert.equal(await subject.header("scope"), "Bearer t");
      assert.equal(requests.length, 1);
      t.mock.timers.tick((renewed - valid) * 1000);
      assert.equal(await subject.header("scope"), "Bearer t");
      assert.equal(requests.length, 2);
      assert.deepEqual(requests[1], requests[0]);
    });

  it("removes secrets from the texts of servers", async () => {
    const basic = authorizer({ token: "t0ken" }, { kind: "basic", username: "me", password: "pass" }).it;
    await basic.answer(BEARER, "scope", SECURE);
    const encoded = Buffer.from("me:pass").toString("base64");
    assert.equal(basic.conceal(`no t0ken, ${encoded}, pass for me`), "no ***, ***, *** for me");
    const refresh = authorizer({ token: "t" }, { kind: "refresh", token: "refreshing" }).it;
    await refresh.answer(BEARER, "scope", SECURE);
    assert.equal(refresh.conceal("refreshing is bad"), "*** is bad");
  });

  for (const seconds of [0, 1, 4])
    it(`uses a token with a life of ${seconds} s for the next request`, async () => {
      const { it: subject } = authorizer({ token: "t", expires_in: seconds });
      await subject.answer(BEARER, "scope", SECURE);
      assert.equal(await subject.header("scope"), "Bearer t");
    });

  it("rejects an insecure realm of a secure registry, and sends it nothing", async () => {
    const { it: subject, requests } = authorizer({ token: "t" }, { kind: "basic", username: "me", password: "pw" });
    await assert.rejects(
      subject.answer('Bearer realm="http://auth.example/token"', "scope", SECURE),
      (error: ToolError) => error.code === "notAuthorized" && /expected HTTPS/.test(error.why ?? ""),
    );
    assert.equal(requests.length, 0);
  });

  it("reports an invalid realm, and a response without a token, as failures of the registry", async () => {
    for (const [challenge, answer] of [
      ['Bearer service="s"', {}],
      ['Bearer realm="/token"', {}],
      [BEARER, "<html>secret</html>"],
      [BEARER, {}],
      [BEARER, { token: "" }],
      [BEARER, { token: 7 }],
      [BEARER, "null"],
    ] as const)
      await assert.rejects(authorizer(answer).it.answer(challenge, "scope", SECURE), (error: unknown) => {
        assert.ok(error instanceof ToolError, String(error));
        assert.equal(error.code, "registry");
        return !error.message.includes("secret");
      });
  });
});
