import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type DoneMarker,
  NOTHING_KNOWN,
  parseDoneMarker,
  parseFailureMarker,
  parseInitMarker,
  parsePushedMarker,
  parseStartedMarker,
} from "shared/pod/markers";

const DIGEST = `sha256:${"a".repeat(64)}`;
const DONE: DoneMarker = {
  schema: 1,
  attempt: "one",
  phase: "copy",
  exitCode: 137,
  signal: "SIGKILL",
  reason: "timed out after 3 s",
  startedAt: "2026-01-02T03:04:05.000Z",
  finishedAt: "2026-01-02T03:04:06.000Z",
  outputs: [{ path: "outputs/größe", files: 2, bytes: 23121 }],
  logs: [{ path: "logs/stdout.log", files: 1, bytes: 5 }],
  error: "cannot write x",
};
const PARSERS = { parseStartedMarker, parseDoneMarker, parseInitMarker, parsePushedMarker, parseFailureMarker };

describe("every marker", () => {
  for (const [name, parse] of Object.entries(PARSERS)) {
    it(`${name} returns undefined for truncated text`, () => {
      const whole = JSON.stringify({ ...DONE, reference: "r", digest: DIGEST });
      assert.notEqual(parse(whole), undefined);
      for (let end = 1; end < whole.length; end++) assert.equal(parse(whole.slice(0, end)), undefined);
    });

    for (const text of ["null", "1", '"done"', "[]", "[{}]", "done", "\u0000", "{} {}", "\ufffd"])
      it(`${name} returns undefined for ${JSON.stringify(text)}`, () => {
        assert.equal(parse(text), undefined);
      });
  }
});

describe("parseStartedMarker", () => {
  it("keeps all fields", () => {
    const marker = { schema: 1, attempt: "one", startedAt: "2026-01-02T03:04:05.000Z", outputs: ["outputs/a", "b"] };
    assert.deepEqual(parseStartedMarker(JSON.stringify(marker)), marker);
  });

  it("returns only unknown values for empty text", () => {
    assert.deepEqual(parseStartedMarker(""), { schema: 1, attempt: null, startedAt: null, outputs: null });
  });

  it("drops outputs that are not paths", () => {
    assert.deepEqual(parseStartedMarker('{"outputs": ["a", 1, null]}')?.outputs, ["a"]);
  });
});

describe("parseDoneMarker", () => {
  it("keeps all fields", () => {
    assert.deepEqual(parseDoneMarker(`${JSON.stringify(DONE)}\n`), DONE);
  });

  for (const text of ["", "\n", " \t\r\n", "{}"])
    it(`returns only unknown values for ${JSON.stringify(text)}`, () => {
      assert.deepEqual(parseDoneMarker(text), NOTHING_KNOWN);
    });

  it("treats fields of a wrong type as unknown, and drops unknown fields", () => {
    const foreign = { schema: 9, attempt: 1, phase: "later", exitCode: "0", signal: 9, outputs: {}, more: true };
    assert.deepEqual(parseDoneMarker(JSON.stringify(foreign)), NOTHING_KNOWN);
  });

  it("drops invalid outputs, and unknown fields of valid ones", () => {
    const outputs = [
      null,
      "x",
      { path: "a" },
      { path: "b", files: "1", bytes: 1 },
      { path: "c", files: 1, bytes: 2, d: 3 },
    ];
    assert.deepEqual(parseDoneMarker(JSON.stringify({ outputs }))?.outputs, [{ path: "c", files: 1, bytes: 2 }]);
  });

  it("distinguishes no outputs from unknown outputs", () => {
    assert.deepEqual(parseDoneMarker('{"outputs": []}')?.outputs, []);
    assert.equal(parseDoneMarker('{"outputs": null}')?.outputs, null);
  });

  for (const phase of ["init", "run", "copy", "done"] as const)
    it(`keeps the phase ${phase}`, () => {
      assert.equal(parseDoneMarker(JSON.stringify({ phase }))?.phase, phase);
    });
});

describe("parseInitMarker", () => {
  it("keeps all fields", () => {
    const marker = { schema: 1, by: "launcher", inputs: [{ reference: "r/x:1", digest: DIGEST }] };
    assert.deepEqual(parseInitMarker(JSON.stringify(marker)), marker);
  });

  it("returns the marker of a sidecar without inputs for empty text", () => {
    assert.deepEqual(parseInitMarker(""), { schema: 1, by: "sidecar", inputs: [] });
  });

  it("drops invalid inputs", () => {
    const inputs = [null, { reference: "r" }, { reference: 1, digest: DIGEST }, { reference: "r", digest: DIGEST }];
    assert.deepEqual(parseInitMarker(JSON.stringify({ inputs }))?.inputs, [{ reference: "r", digest: DIGEST }]);
  });
});

describe("parsePushedMarker", () => {
  it("keeps all fields", () => {
    const marker = { schema: 1, attempt: "one", reference: "r/x:1", digest: DIGEST, finishedAt: "2026" };
    assert.deepEqual(parsePushedMarker(JSON.stringify(marker)), marker);
  });

  it("returns null for a missing attempt", () => {
    assert.equal(parsePushedMarker(JSON.stringify({ reference: "r", digest: DIGEST }))?.attempt, null);
  });

  for (const text of ["", "{}", '{"reference": "r"}', `{"digest": "${DIGEST}", "reference": 1}`])
    it(`returns undefined for ${JSON.stringify(text)}, which names no artifact`, () => {
      assert.equal(parsePushedMarker(text), undefined);
    });
});

describe("parseFailureMarker", () => {
  it("keeps all fields", () => {
    const marker = { schema: 1, attempt: "one", exitCode: 69, error: "no route" };
    assert.deepEqual(parseFailureMarker(JSON.stringify(marker)), marker);
  });

  it("returns a failure without a reason for empty text", () => {
    assert.deepEqual(parseFailureMarker(""), { schema: 1, attempt: null, exitCode: 1, error: "no reason given" });
  });
});
