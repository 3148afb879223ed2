import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { ToolError } from "shared/cli/tool-error";
import { reasonOf, systemCode } from "shared/fs/system-error";
import type { Credential, CredentialSource } from "./credential.ts";
import { askHelper, type HelperOptions } from "./credential-helper.ts";

/** The fields of docker's client configuration that hold credentials. */
export interface DockerConfig {
  readonly auths?: Readonly<Record<string, DockerAuth | null>> | null;
  readonly credsStore?: string;
  readonly credHelpers?: Readonly<Record<string, string>> | null;
}

interface DockerAuth {
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

const DOCKER_HUB = "https://index.docker.io/v1/";
const DOCKER_HUB_HOSTS = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/**
 * The credentials of a docker configuration file. The file is read at the first use. `options` are for the credential
 * helpers.
 */
export function dockerCredentials(registryConfig: string | undefined, options: HelperOptions): CredentialSource {
  let config: Promise<DockerConfig> | undefined;
  return async (registry) => {
    config ??= readDockerConfig(registryConfig, options.env);
    return credentialFor(registry, await config, options);
  };
}

/** The credential of a registry in a configuration: from its helper, else from the store, else from `auths`. */
export async function credentialFor(
  registry: string,
  config: DockerConfig,
  options: HelperOptions,
): Promise<Credential | undefined> {
  const key = DOCKER_HUB_HOSTS.includes(registry) ? DOCKER_HUB : registry;
  const helper = config.credHelpers?.[registry] ?? config.credHelpers?.[key] ?? config.credsStore;
  const helped = helper === undefined ? undefined : await askHelper(helper, key, options);
  if (helped !== undefined) return helped;
  const auths = config.auths ?? {};
  const found = auths[key] ?? Object.entries(auths).find(([name]) => hostOf(name) === registry)?.[1];
  return found === undefined || found === null ? undefined : parseAuth(found, registry);
}

/**
 * Reads the configuration as `oras` does: the named path, else `$DOCKER_CONFIG`, else the path in the home folder. Each
 * path may be a file, or a folder with `config.json` or `.dockerconfigjson` (the name in a mounted pull secret).
 * Returns an empty configuration if there is no file and none was named. Throws `noInput` if a file cannot be read.
 */
export async function readDockerConfig(named: string | undefined, env: NodeJS.ProcessEnv): Promise<DockerConfig> {
  const home = env.HOME === undefined || env.HOME === "" ? undefined : join(env.HOME, ".docker");
  const place = named ?? (env.DOCKER_CONFIG || home);
  const file = place === undefined ? undefined : await configFile(place);
  if (file === undefined && named !== undefined)
    throw new ToolError("noInput", `cannot read ${named}`, {
      why: "it is neither a docker config nor a folder that holds one",
    });
  if (file === undefined) return {};
  const fail = (why: string) => new ToolError("noInput", `cannot read ${file}`, { why });
  let config: unknown;
  try {
    config = JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    // The message of the parser would show a part of the file.
    throw fail(error instanceof SyntaxError ? "it is not JSON" : reasonOf(error));
  }
  if (typeof config !== "object" || config === null) throw fail("it is not a docker config");
  return config;
}

async function configFile(place: string): Promise<string | undefined> {
  for (const candidate of [place, join(place, "config.json"), join(place, ".dockerconfigjson")]) {
    try {
      if ((await stat(candidate)).isFile()) return candidate;
    } catch (error) {
      if (systemCode(error) !== "ENOENT" && systemCode(error) !== "ENOTDIR")
        throw new ToolError("noInput", `cannot read ${candidate}`, { why: reasonOf(error) });
    }
  }
  return undefined;
}

function parseAuth(entry: DockerAuth, registry: string): Credential | undefined {
  if (entry.registrytoken) return { kind: "bearer", token: entry.registrytoken };
  if (entry.identitytoken) return { kind: "refresh", token: entry.identitytoken };
  if (entry.username) return { kind: "basic", username: entry.username, password: entry.password ?? "" };
  if (!entry.auth) return undefined;
  const text = Buffer.from(entry.auth, "base64").toString();
  const colon = text.indexOf(":");
  if (colon < 0)
    throw new ToolError("noInput", `the docker config's entry for ${registry} is not base64 of user:password`);
  return { kind: "basic", username: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** The host and port in a key of `auths`, which may have a scheme and a path. */
function hostOf(key: string): string {
  return key.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
}
