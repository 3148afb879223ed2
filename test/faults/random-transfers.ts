/** A push to or a pull from a registry with random answers, and the checks of the result. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { digestOf } from "oras-push/oci/meter";
import { parseReference } from "oras-push/oci/reference";
import { pick, randomNumbers, seedOf } from "../support/random.ts";
import {
  AUTHENTICATIONS,
  type Facts,
  type FaultyOptions,
  type FaultyRegistry,
  hasSecret,
  PASSWORD,
  REFRESH_TOKEN,
  startFaultyRegistry,
  USER,
} from "./faulty-registry.ts";
import {
  type ArtifactCache,
  drawNames,
  fingerprint,
  hasLarge,
  LARGE_BYTES,
  type NamedBlobs,
  storeArtifact,
} from "./transfer-sources.ts";
import {
  EXECUTABLE,
  IN_PROCESS,
  type Outcome,
  pullByTool,
  pullInProcess,
  pushByTool,
  pushInProcess,
  type Transfer,
} from "./transfers.ts";

/** A random transfer. */
export interface RandomTransfer {
  readonly seed: number;
  /** True if the executable runs the transfer, and false if this process does. */
  readonly executable: boolean;
  readonly cache: ArtifactCache;
  /** A folder for this transfer. It does not exist yet. */
  readonly folder: string;
}

/** Figures of a finished transfer. */
export interface TransferFigures {
  readonly seed: number;
  /** How it ended, in words. */
  readonly end: string;
  /** The duration of the transfer, and the limit for this duration, in milliseconds. */
  readonly time: number;
  readonly limit: number;
  readonly requests: number;
  readonly faults: number;
}

/** The time after which a transfer counts as hanging, in milliseconds. */
const HANGING = 240_000;

/** The longest pause that one answer causes, in milliseconds. */
const LONGEST_PAUSE = 5000;

/** The speed at which the tool expects a registry to store a blob, in bytes per millisecond. */
const STORAGE_SPEED = (4 << 20) / 1000;

/**
 * The time that a transfer may take on a busy machine, in milliseconds. The waits of {@link timeLimit} are not
 * included.
 */
const SLACK = { small: 20_000, large: 120_000 };

/** The failures that random answers of a registry may cause. */
const FAILURES = ["registry", "unavailable", "notAuthorized"];

const REPOSITORY = "metric/run";
const OTHER_REPOSITORY = "metric/copy";

/** Runs a random push. Throws if the push breaks a rule. */
export async function randomPush(transfer: RandomTransfer): Promise<TransferFigures> {
  const random = randomNumbers(seedOf(transfer.seed, "push"));
  const { options, connection, names } = drawOptions(random, transfer.seed);
  const noClobber = random() < 0.2;
  const earlier = random() < 0.3 ? drawNames(random) : undefined;
  const second = random() < 0.3 ? pick(random, [`${REPOSITORY}:second`, `${OTHER_REPOSITORY}:t`]) : undefined;
  const artifact = await transfer.cache.artifact(names);
  const before = earlier && (await transfer.cache.artifact(earlier));
  const faulty = await startFaultyRegistry(options);
  const { registry, facts } = faulty;
  if (before !== undefined) storeArtifact(registry, `${REPOSITORY}:t`, before);
  const tags = [`${REPOSITORY}:t`, ...(second === undefined ? [] : [second])];
  const references = tags.map((tag) => `${registry.address}/${tag}`);
  const push = { references, folder: transfer.cache.folder, names, noClobber, ...connection };
  return observe(transfer, faulty, names, async () => {
    const outcome = await (transfer.executable ? pushByTool : pushInProcess)(push);
    // A random answer can tell the client that the tag already names another artifact.
    const mayConflict = noClobber && (before !== undefined || facts.faults.length > 0);
    checkOutcome(outcome, facts, mayConflict ? ["cannotCreate"] : []);
    const believed = outcome.failure === undefined && checkReported(outcome, references, faulty, artifact.layers);
    for (const tag of tags) checkTag(faulty, tag, [artifact.layers, ...(before === undefined ? [] : [before.layers])]);
    return `push: ${outcome.failure ?? (believed ? "success that the registry claims falsely" : "success")}`;
  });
}

/** Runs a random pull. Throws if the pull breaks a rule. */
export async function randomPull(transfer: RandomTransfer): Promise<TransferFigures> {
  const random = randomNumbers(seedOf(transfer.seed, "pull"));
  const { options, connection, names } = drawOptions(random, transfer.seed);
  const all = random() < 0.15;
  const byDigest = random() < 0.3;
  const artifact = await transfer.cache.artifact(names);
  const faulty = await startFaultyRegistry(options);
  const { registry, facts } = faulty;
  storeArtifact(registry, `${REPOSITORY}:p`, artifact);
  if (all) storeArtifact(registry, `${REPOSITORY}:q`, artifact);
  const folder = join(transfer.folder, "into");
  mkdirSync(transfer.folder, { recursive: true });
  writeFileSync(join(transfer.folder, "beside"), "beside");
  const existing = random() < 0.5 ? ["existing"] : [];
  if (existing.length > 0) mkdirSync(join(folder, "existing"), { recursive: true });
  const pointer = all ? "" : byDigest ? `@${artifact.digest}` : ":p";
  const reference = `${registry.address}/${REPOSITORY}${pointer}`;
  const pull = { reference, all, folder, ...connection };
  return observe(transfer, faulty, names, async () => {
    const outcome = await (transfer.executable ? pullByTool : pullInProcess)(pull);
    checkOutcome(outcome, facts, []);
    const success = outcome.failure === undefined;
    for (const { digest } of outcome.artifacts) assert.equal(digest, artifact.digest, "another digest is reported");
    const contents = new Map(names.map((name) => [name, fingerprint(join(transfer.cache.folder, name))]));
    const tags = all ? ["p", "q"].filter((tag) => existsSync(join(folder, tag))) : [];
    for (const tag of tags) checkContent(join(folder, tag), contents, [], false);
    if (all) assert.deepEqual(namesIn(folder).sort(), [...existing, ...tags].sort(), "names in the target folder");
    else checkContent(folder, contents, existing, success);
    for (const { reference } of all ? outcome.artifacts : [])
      checkContent(join(folder, parseReference(reference).tag ?? ""), contents, [], true);
    assert.deepEqual(namesIn(transfer.folder).sort(), ["beside", ...(existsSync(folder) ? ["into"] : [])]);
    assert.equal(readFileSync(join(transfer.folder, "beside"), "utf8"), "beside");
    assert.ok(!existsSync("/tmp/escaped") && !existsSync("/escaped"), "a file is written outside of the folder");
    return `pull: ${outcome.failure ?? "success"}`;
  });
}

interface Options {
  readonly options: FaultyOptions;
  readonly connection: Transfer;
  readonly names: readonly string[];
}

function drawOptions(random: () => number, seed: number): Options {
  // With many faults, most transfers fail at their first request. The square makes small probabilities more frequent,
  // so more transfers get further than their first request.
  const probability = random() ** 2;
  const authentication = pick(random, AUTHENTICATIONS);
  const secret = authentication === "refresh" ? REFRESH_TOKEN : PASSWORD;
  const user = authentication === "refresh" ? {} : { ORAS_USER: USER };
  const env = { ...user, ORAS_PUSH_PASS: secret, ORAS_PULL_PASS: secret };
  return {
    options: { seed, probability, authentication },
    connection: { concurrency: 1 + Math.floor(random() * 3), env, limits: IN_PROCESS },
    names: drawNames(random),
  };
}

/**
 * Runs a transfer and its checks within the time limit, and closes its registry. Adds the faults to the message of an
 * error.
 */
async function observe(
  { seed, executable, folder }: RandomTransfer,
  faulty: FaultyRegistry,
  names: readonly string[],
  run: () => Promise<string>,
): Promise<TransferFigures> {
  const { facts } = faulty;
  const started = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const hang = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("the transfer hangs")), HANGING);
  });
  try {
    const end = `${await Promise.race([run(), hang])}${facts.faults.length === 0 ? " without a fault" : ""}`;
    const time = performance.now() - started;
    const limit = timeLimit(facts, executable, names);
    assert.ok(time < limit, `it takes ${time} ms with ${facts.requests} requests, and may take ${limit} ms`);
    assert.deepEqual(facts.leaks, [], "credentials at the wrong server");
    assert.deepEqual(facts.mistakes, [], "errors of the test");
    return { seed, end, time, limit, requests: facts.requests, faults: facts.faults.length };
  } catch (error) {
    throw new Error(`${error}\n${executable ? "executable, " : ""}${names}, faults:\n${facts.faults.join("\n")}`);
  } finally {
    clearTimeout(timer);
    await faulty.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Returns the longest time that a transfer may take, in milliseconds. This time contains the delays before retries, the
 * pauses that the registry asks for, and the longest silence of the registry. During one request, the registry can be
 * silent several times. The tool waits longer after it has sent a large blob.
 */
function timeLimit({ requests, pauses }: Facts, executable: boolean, names: readonly string[]): number {
  const { retry, silence } = executable ? EXECUTABLE : IN_PROCESS;
  const large = hasLarge(names);
  const storage = large ? LARGE_BYTES / STORAGE_SPEED : 0;
  const request = 4 * silence * 1000 + storage + retry * 1000;
  return (large ? SLACK.large : SLACK.small) + requests * request + pauses * LONGEST_PAUSE;
}

/**
 * Checks the failure and the log of a transfer. Without a fault, the transfer must succeed, unless the machine is slow
 * or `allowed` contains the failure.
 */
function checkOutcome({ failure, log, artifacts }: Outcome, { faults }: Facts, allowed: readonly string[]): void {
  if (failure !== undefined) assert.ok([...FAILURES, ...allowed].includes(failure), `it fails with ${failure}: ${log}`);
  if (failure === undefined) assert.ok(artifacts.length > 0, "a success reports no artifact");
  const slow = failure === "unavailable" && /no response|the transfer stalled/.test(log);
  if (faults.length === 0 && failure !== undefined)
    assert.ok(slow || allowed.includes(failure), `it fails without a fault: ${log}`);
  assert.ok(!hasSecret(log), `the log contains a secret: ${log}`);
}

/**
 * Checks each artifact that a push reports: the tag must refer to the reported digest, and the registry must have all
 * blobs of the artifact. Returns true if the registry sent a 201 for an artifact, but did not store the manifest under
 * the artifact's tag. This is no error of the client, because the client must believe a 201.
 */
function checkReported(
  { artifacts }: Outcome,
  references: readonly string[],
  { registry, facts }: FaultyRegistry,
  layers: readonly string[],
): boolean {
  const reported = artifacts.map(({ reference }) => reference);
  assert.deepEqual(reported, references, "other references are reported");
  let believed = false;
  for (const { reference, digest } of artifacts) {
    const name = reference.slice(registry.address.length + 1);
    const stored = registry.manifests.get(name);
    if (stored === undefined || digestOf(stored.bytes) !== digest) {
      const moved = registry.requests.some(({ method, url }) => isManifestElsewhere(method, url, artifacts));
      assert.ok(facts.falseClaims.length > 0 || moved, `a success, but ${name} does not name the manifest ${digest}`);
      believed = true;
    } else checkBlobs(name, registry.blobs, stored.bytes, [layers]);
  }
  return believed;
}

/**
 * Whether a request put a manifest under a tag that none of `artifacts` has. Only a redirect by the registry leads to
 * such a request.
 */
function isManifestElsewhere(method: string, url: string, artifacts: Outcome["artifacts"]): boolean {
  const tags = artifacts.map(({ reference }) => parseReference(reference).tag);
  const [, tag] = /\/manifests\/([^/?]*)/.exec(url) ?? [];
  return method === "PUT" && tag !== undefined && !tags.includes(tag);
}

/** Checks that a tag does not exist, or that it names a complete artifact with one of the expected lists of layers. */
function checkTag({ registry }: FaultyRegistry, name: string, expected: readonly (readonly string[])[]): void {
  const stored = registry.manifests.get(name);
  if (stored !== undefined) checkBlobs(name, registry.blobs, stored.bytes, expected);
}

function checkBlobs(
  name: string,
  blobs: ReadonlyMap<string, Buffer>,
  manifest: Buffer,
  expected: readonly (readonly string[])[],
): void {
  const { config, layers } = JSON.parse(manifest.toString()) as NamedBlobs;
  const digests = layers.map(({ digest }) => digest).join();
  assert.ok(expected.map((list) => list.join()).includes(digests), `${name} has other layers: ${digests}`);
  for (const { digest } of [config, ...layers]) {
    const blob = blobs.get(digest);
    assert.ok(blob !== undefined && digestOf(blob) === digest, `the blob ${digest} of ${name} is missing or wrong`);
  }
}

/** Checks that a folder has either all contents or none of them. If `success` is true, the folder must have all. */
function checkContent(
  folder: string,
  contents: ReadonlyMap<string, string>,
  existing: readonly string[],
  success: boolean,
): void {
  const found = namesIn(folder).filter((name) => !existing.includes(name));
  if (!success && found.length === 0) return;
  const pulled = new Map(found.sort().map((name) => [name, fingerprint(join(folder, name))]));
  assert.deepEqual([...pulled].sort(), [...contents].sort(), "other content is pulled");
}

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
