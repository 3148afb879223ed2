import { suggestion } from "shared/cli/suggestion";
import { ToolError } from "shared/cli/tool-error";

/** Commands that oras or other tools have, but oras-push does not have. Each value is a hint for the user. */
const INSTEAD: Readonly<Record<string, string>> = {
  push: "push is the default: write oras-push REFERENCE PATH, without the word push",
  help: "write oras-push --help",
  version: "write oras-push --version",
  login: "use oras login or docker login: oras-push reads the credentials that these commands store",
  logout: "use oras logout or docker logout: oras-push stores no credentials",
};

/** Commands that only oras has. */
const ONLY_IN_ORAS = [
  "attach",
  "backup",
  "blob",
  "copy",
  "cp",
  "discover",
  "manifest",
  "repo",
  "repository",
  "resolve",
  "restore",
  "tag",
];

/** The commands of oras-push. */
const OWN = ["inject", "lineage", "list", "prune", "pull", "report", "sidecar"];

/**
 * Adds a hint to the failure if the first word of a command line looks like a command. The word may be a command of
 * another tool, or a misspelled command of this tool. The original failure says only that the word is not a reference.
 * If there is no hint for an error, returns this error unchanged.
 */
export function withCommandHint(name: string | undefined, error: unknown): unknown {
  if (name === undefined || !(error instanceof ToolError) || !error.message.startsWith(`"${name}" is not a reference`))
    return error;
  const hint = Object.hasOwn(INSTEAD, name) ? INSTEAD[name] : (oras(name) ?? similar(name));
  if (hint === undefined) return error;
  return new ToolError("usage", `there is no command ${name}`, { why: error.why ?? "", hint, cause: error });
}

function similar(name: string): string | undefined {
  const meant = suggestion(name, OWN);
  return meant === undefined ? undefined : `did you mean oras-push ${meant}?`;
}

function oras(name: string): string | undefined {
  return ONLY_IN_ORAS.includes(name) ? `use oras ${name}` : undefined;
}
