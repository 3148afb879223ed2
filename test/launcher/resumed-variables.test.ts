/** The names of the environment variables that the launcher sets for a resumed command. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { resumedVariables } from "launcher/checkpoints/resumed-variables";
import { environmentName } from "shared/cli/option-values";
import { COMMAND_USAGES } from "../../scripts/usages.ts";

describe("the variables of a resumed command", () => {
  it("are not the variables of options, because the command may start a tool", () => {
    const ofOptions = new Set(COMMAND_USAGES.flatMap(({ options }) => Object.keys(options).map(environmentName)));
    assert.ok(ofOptions.has("ORAS_CHECKPOINT"));
    const variables = Object.keys(resumedVariables(3));
    assert.ok(variables.length > 0);
    assert.deepEqual(
      variables.filter((name) => ofOptions.has(name)),
      [],
    );
  });

  it("contain the number of the checkpoint, and exist only if the command was resumed", () => {
    assert.deepEqual(resumedVariables(3), { ORAS_RESUMED: "true", ORAS_RESUMED_FROM: "3" });
    assert.deepEqual(resumedVariables(undefined), {});
  });
});
