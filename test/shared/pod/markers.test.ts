import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type DoneMarker,
  NOTHING_KNOWN,
  parseDoneMarker,
  parseFailureMarker,
  parseInitMarker,
  parsePushedMarker,
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
const PARSERS = { parseDoneMarker, parseInitMarker, parsePushedMarker, parseFailureMarker };

describe("every marker", () => {
  for (const [name, parse] of Object.entries(PARSERS)) {
    it(`${name}: text cut short is no marker yet`, () => {
      const whole = JSON.stringify({ ...DONE, reference: "r", digest: DIGEST });
      assert.notEqual(parse(whole), undefined);
      for (let end = 1; end < whole.length; end++) assert.equal(parse(whole.slice(0, end)), undefined);
    });

    for (const text of ["null", "1", '"done"', "[]", "[{}]", "done", "\u0000", "{} {}", "\ufffd"])
      it(`${name}: ${JSON.stringify(text)} is no marker`, () => {
        assert.equal(parse(text), undefined);
      });
  }
});

describe("the done marker", () => {
  it("comes back whole", () => {
    assert.deepEqual(parseDoneMarker(`${JSON.stringify(DONE)}\n`), DONE);
  });

  for (const text of ["", "\n", " \t\r\n", "{}"])
    it(`${JSON.stringify(text)} says that it is done and nothing more`, () => {
      assert.deepEqual(parseDoneMarker(text), NOTHING_KNOWN);
    });

  it("fields of a foreign type are not known, fields of a foreign name are dropped", () => {
    const foreign = { schema: 9, attempt: 1, phase: "later", exitCode: "0", signal: 9, outputs: {}, more: true };
    assert.deepEqual(parseDoneMarker(JSON.stringify(foreign)), NOTHING_KNOWN);
  });

  it("outputs that are none are dropped, and what they carry besides", () => {
    const outputs = [
      null,
      "x",
      { path: "a" },
      { path: "b", files: "1", bytes: 1 },
      { path: "c", files: 1, bytes: 2, d: 3 },
    ];
    assert.deepEqual(parseDoneMarker(JSON.stringify({ outputs }))?.outputs, [{ path: "c", files: 1, bytes: 2 }]);
  });

  it("no outputs are something else than outputs that are not known", () => {
    assert.deepEqual(parseDoneMarker('{"outputs": []}')?.outputs, []);
    assert.equal(parseDoneMarker('{"outputs": null}')?.outputs, null);
  });

  for (const phase of ["init", "run", "copy", "done"] as const)
    it(`the phase ${phase} is kept`, () => {
      assert.equal(parseDoneMarker(JSON.stringify({ phase }))?.phase, phase);
    });
});

describe("the init marker", () => {
  it("comes back whole", () => {
    const marker = { schema: 1, by: "launcher", inputs: [{ reference: "r/x:1", digest: DIGEST }] };
    assert.deepEqual(parseInitMarker(JSON.stringify(marker)), marker);
  });

  it("an empty one is a sidecar's without inputs", () => {
    assert.deepEqual(parseInitMarker(""), { schema: 1, by: "sidecar", inputs: [] });
  });

  it("inputs that are no artifacts are dropped", () => {
    const inputs = [null, { reference: "r" }, { reference: 1, digest: DIGEST }, { reference: "r", digest: DIGEST }];
    assert.deepEqual(parseInitMarker(JSON.stringify({ inputs }))?.inputs, [{ reference: "r", digest: DIGEST }]);
  });
});

describe("the pushed marker", () => {
  it("comes back whole", () => {
    const marker = { schema: 1, attempt: "one", reference: "r/x:1", digest: DIGEST, finishedAt: "2026" };
    assert.deepEqual(parsePushedMarker(JSON.stringify(marker)), marker);
  });

  it("without an attempt it names none", () => {
    assert.equal(parsePushedMarker(JSON.stringify({ reference: "r", digest: DIGEST }))?.attempt, null);
  });

  for (const text of ["", "{}", '{"reference": "r"}', `{"digest": "${DIGEST}", "reference": 1}`])
    it(`${JSON.stringify(text)} names no artifact, so nothing was pushed yet`, () => {
      assert.equal(parsePushedMarker(text), undefined);
    });
});

describe("a failure marker", () => {
  it("comes back whole", () => {
    const marker = { schema: 1, attempt: "one", exitCode: 69, error: "no route" };
    assert.deepEqual(parseFailureMarker(JSON.stringify(marker)), marker);
  });

  it("an empty one is a failure without a reason", () => {
    assert.deepEqual(parseFailureMarker(""), { schema: 1, attempt: null, exitCode: 1, error: "no reason given" });
  });
});
