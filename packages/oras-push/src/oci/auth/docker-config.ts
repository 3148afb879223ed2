import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { ToolError } from "shared/cli/tool-error";
import { reasonOf, systemCode } from "shared/fs/system-error";
import type { Credential, CredentialSource } from "./credential.ts";
import { askHelper, type HelperOptions } from "./credential-helper.ts";
import { type DockerConfig, isDockerConfig, parseAuth } from "./docker-auth.ts";

const DOCKER_HUB = "https://index.docker.io/v1/";
const DOCKER_HUB_HOSTS = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/**
 * Returns a source that takes credentials from a docker configuration file. The credentials are for a repository, or
 * for a whole registry if `repository` is undefined. The source reads the file only when the first credential is
 * requested. `options` are the options of credential helpers.
 */
export function dockerCredentials(
  registryConfig: string | undefined,
  options: HelperOptions,
  repository?: string,
): CredentialSource {
  let config: Promise<DockerConfig> | undefined;
  return async (registry) => {
    config ??= readDockerConfig(registryConfig, options.env);
    return credentialFor(registry, await config, options, repository);
  };
}

/**
 * Finds the credential of a registry in a configuration. Runs the registry's helper, or the helper of `credsStore` if
 * the registry has no helper. If there is no helper, or the helper has no credential, this function uses the most
 * specific key of `auths`. For the repository `a/b`, the most specific key is `HOST/a/b`, the next one is `HOST/a`, and
 * the last one is `HOST`.
 */
export async function credentialFor(
  registry: string,
  config: DockerConfig,
  options: HelperOptions,
  repository: string = "",
): Promise<Credential | undefined> {
  const key = DOCKER_HUB_HOSTS.includes(registry) ? DOCKER_HUB : registry;
  const helper = config.credHelpers?.[registry] ?? config.credHelpers?.[key] ?? config.credsStore;
  const helped = helper ? await askHelper(helper, key, options) : undefined;
  if (helped !== undefined) return helped;
  const name = mostSpecificKey(Object.keys(config.auths ?? {}), registry, key, repository);
  const found = name === undefined ? undefined : config.auths?.[name];
  return found === undefined || found === null ? undefined : parseAuth(found, name as string, config.file);
}

/**
 * Finds the most specific key of `auths` for a repository. A key from an old version of docker may contain a scheme and
 * the path of the registry's API.
 */
function mostSpecificKey(
  keys: readonly string[],
  registry: string,
  key: string,
  repository: string,
): string | undefined {
  const parts = repository.split("/").filter(Boolean);
  for (let length = parts.length; length > 0; length--) {
    const path = [registry, ...parts.slice(0, length)].join("/");
    const found = keys.find((name) => name.replace(/\/+$/, "") === path);
    if (found !== undefined) return found;
  }
  const plain = keys.find((name) => withoutApi(name) === registry);
  return keys.find((name) => name === key) ?? plain ?? keys.find((name) => hostOf(name) === registry);
}

/**
 * Reads the configuration from the path in `named`. If `named` is undefined, this function uses the path in
 * `$DOCKER_CONFIG`. If this variable is not set either, this function uses `~/.docker`. The path can be a file, or a
 * folder with `config.json` or `.dockerconfigjson`. A mounted pull secret contains the file `.dockerconfigjson`. If
 * `named` is undefined and there is no file, this function returns an empty configuration. Throws `noInput` if `named`
 * leads to no file, or if the file cannot be read or is invalid.
 */
export async function readDockerConfig(named: string | undefined, env: NodeJS.ProcessEnv): Promise<DockerConfig> {
  const home = env.HOME === undefined || env.HOME === "" ? undefined : join(env.HOME, ".docker");
  const place = named ?? (env.DOCKER_CONFIG || home);
  const file = place === undefined ? undefined : await configFile(place);
  if (file === undefined && named !== undefined)
    throw new ToolError("noInput", `cannot read ${named}`, {
      why: "expected a docker config, or a folder that contains a docker config",
    });
  if (file === undefined) return {};
  const fail = (why: string) => new ToolError("noInput", `cannot read ${file}`, { why });
  let config: unknown;
  try {
    config = JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    // The message of the parser contains a part of the file. This part may contain a secret. Therefore, the error does
    // not contain the message.
    throw fail(error instanceof SyntaxError ? "it is not JSON" : reasonOf(error));
  }
  if (!isDockerConfig(config)) throw fail("it is not a docker config");
  return { ...config, file };
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

/** Returns the host and the port from a key of `auths`. The key may also contain a scheme and a path. */
function hostOf(key: string): string {
  return key.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
}

/** Removes the scheme and the path of an API version from a key of `auths`. */
function withoutApi(key: string): string {
  return key.replace(/^https?:\/\//, "").replace(/(\/v[12])?\/*$/, "");
}
