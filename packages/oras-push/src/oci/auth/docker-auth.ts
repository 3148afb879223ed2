import { ToolError } from "shared/cli/tool-error";
import type { Credential } from "./credential.ts";
import { withoutNewline } from "./password.ts";

/** The credential fields of docker's client configuration. */
export interface DockerConfig {
  readonly auths?: Readonly<Record<string, DockerAuth | null>> | null;
  readonly credsStore?: string | null;
  readonly credHelpers?: Readonly<Record<string, string>> | null;
  /** The path of the configuration file. Error messages contain this path. */
  readonly file?: string;
}

/** An entry of `auths` in docker's client configuration. */
export interface DockerAuth {
  /** `USER:PASSWORD` in base64. */
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

const AUTH_FIELDS: readonly (keyof DockerAuth)[] = ["auth", "username", "password", "identitytoken", "registrytoken"];

/** Whether a value has the form of docker's client configuration. A field that is null counts as missing. */
export function isDockerConfig(value: unknown): value is DockerConfig {
  if (!isRecord(value)) return false;
  const { auths, credHelpers, credsStore } = value;
  return (
    isMissingOr(auths, isRecord) &&
    Object.values(auths ?? {}).every((entry) => isMissingOr(entry, isAuth)) &&
    isMissingOr(credHelpers, isRecord) &&
    Object.values(credHelpers ?? {}).every(isText) &&
    isMissingOr(credsStore, isText)
  );
}

/**
 * Parses the credential of an entry. Returns undefined if the entry has no credential. Throws `noInput` if the entry is
 * invalid. The error contains the key and the path of the file, but no secret.
 */
export function parseAuth(entry: DockerAuth, key: string, file: string | undefined): Credential | undefined {
  if (entry.registrytoken) return { kind: "bearer", token: entry.registrytoken };
  if (entry.identitytoken) return { kind: "refresh", token: entry.identitytoken };
  if (entry.username) return { kind: "basic", username: entry.username, password: entry.password ?? "" };
  if (!entry.auth) return undefined;
  const text = withoutNewline(Buffer.from(entry.auth, "base64").toString());
  const colon = text.indexOf(":");
  if (colon < 0)
    throw new ToolError("noInput", `the docker config has an invalid entry for ${key}`, {
      why: `expected base64 of USER:PASSWORD${file === undefined ? "" : ` in ${file}`}`,
    });
  return { kind: "basic", username: text.slice(0, colon), password: text.slice(colon + 1) };
}

function isAuth(value: unknown): boolean {
  return isRecord(value) && AUTH_FIELDS.every((field) => isMissingOr(value[field], isText));
}

function isMissingOr<T>(value: unknown, matches: (value: unknown) => value is T): value is T | undefined | null;
function isMissingOr(value: unknown, matches: (value: unknown) => boolean): boolean;
function isMissingOr(value: unknown, matches: (value: unknown) => boolean): boolean {
  return value === undefined || value === null || matches(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
