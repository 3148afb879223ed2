/** Commands that other tools have, but that oras-push does not have. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { main } from "oras-push/main";
import { ToolError } from "shared/cli/tool-error";

async function failure(argv: string[]): Promise<ToolError> {
  const io = { env: {}, stdout: () => {}, stderr: () => {}, interrupted: () => new AbortController().signal };
  const error = await main(argv, io).catch((thrown: unknown) => thrown);
  assert.ok(error instanceof ToolError);
  return error;
}

describe("a command that oras-push does not have", () => {
  for (const [argv, hint] of [
    [["push", "localhost:5000/a:1", "file"], /^push is the default: write oras-push REFERENCE PATH/],
    [["login", "localhost:5000"], /^use oras login /],
    [["help"], /^write oras-push --help$/],
    [["version"], /^write oras-push --version$/],
    [["liste", "localhost:5000"], /^did you mean oras-push list\?$/],
    [["repo", "ls", "localhost:5000"], /^use oras repo$/],
  ] as const)
    it(`gets a hint: ${argv.join(" ")}`, async () => {
      const { code, message, hint: given, why } = await failure([...argv]);
      assert.deepEqual([code, message], ["usage", `there is no command ${argv[0]}`]);
      assert.match(given ?? "", hint);
      assert.match(why ?? "", /^usage: oras-push /);
    });

  it("is only a reference if it is no word of another tool", async () => {
    assert.match((await failure(["toString"])).message, /^"toString" is not a reference/);
  });

  it("can be the folder of an OCI layout", async () => {
    assert.doesNotMatch((await failure(["restore", "--oci-layout", "/nonexistent/x"])).message, /no command/);
  });
});
