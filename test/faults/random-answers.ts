/** The table of random answers of a registry: statuses, headers, bodies, and ways of delivery. */
import { EMPTY_DESCRIPTOR } from "oras-push/oci/descriptor";
import { FILE_LAYER, OCI_INDEX, OCI_MANIFEST } from "oras-push/oci/media-types";
import { pick } from "../support/random.ts";

/** How an answer is delivered. */
export type Delivery =
  | "whole"
  /** The answer comes before the body of the request is read. */
  | "early"
  /** The connection is reset in the middle of the body. */
  | "cut"
  /** The body stops in its middle. */
  | "stalled"
  /** The answer never comes. */
  | "unanswered"
  /** The connection is reset, and no answer is sent. */
  | "disconnected"
  /** The answer is not HTTP. */
  | "garbage";

/** A random answer, or random changes of the right answer. */
export interface Fault {
  /** True if the server handles the request. In this case, the fault changes the right answer of the server. */
  readonly handled: boolean;
  /** The informational statuses that come before the answer. */
  readonly informational: readonly number[];
  /** The status; undefined keeps the right one. */
  readonly status: number | undefined;
  /** The changed headers. Undefined removes a header. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** The name of the body in {@link BODIES}. */
  readonly bodyName: string;
  /** Makes the body from the right body. */
  readonly body: (right: Buffer) => Buffer;
  readonly delivery: Delivery;
}

/** The request that a fault answers. */
export interface FaultyRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly authorization: string | undefined;
  /** The origin of the registry, such as `http://127.0.0.1:5000`. The field `other` contains another origin. */
  readonly registry: string;
  readonly other: string;
}

/** A path of the other origin. Some random challenges give this path as the address of the token server. */
export const NAMED_TOKENS = "/named-tokens";

const STATUSES = [
  ...[101, 200, 201, 202, 203, 204, 205, 206, 207, 226, 300, 301, 302, 303, 304, 307, 308],
  ...[400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 421, 422, 423],
  ...[425, 426, 428, 429, 431, 451, 500, 501, 502, 503, 504, 505, 507, 508, 511],
];

/** Statuses that the client does not just report. For example, it follows a redirect, or sends the request again. */
const FREQUENT = [200, 201, 202, 204, 206, 302, 307, 401, 403, 404, 405, 413, 416, 429, 500, 502, 503, 504];

const REDIRECTS = [301, 302, 303, 307, 308];

/**
 * Maps each method to the statuses that report a success. The server sometimes answers with such a status although it
 * did not handle the request.
 */
const SUCCESSES: Readonly<Record<string, readonly number[]>> = {
  ...{ HEAD: [200], GET: [200, 200, 206, 204], POST: [202, 202, 201], PATCH: [202, 204], PUT: [201, 201, 200, 204] },
};

const WRONG_DIGEST = `sha256:${"0".repeat(64)}`;
const HUGE = "x".repeat(20_000);
const LONG_TEXT = Buffer.alloc(10_000_000, "The quick brown fox jumps over the lazy dog.\n");
const PAST = "Wed, 21 Oct 2015 07:28:00 GMT";
const FUTURE = "Fri, 31 Dec 2399 23:59:59 GMT";

type Values = (request: FaultyRequest) => readonly (string | undefined)[];

/**
 * The values of each header. Undefined removes the header. The words "too long" and "too short" stand for a number that
 * the server calculates from the length of the body.
 */
const HEADERS: Readonly<Record<string, Values>> = {
  location: ({ path, registry, other }) => [
    ...[
      undefined,
      "",
      "elsewhere",
      "?page=2",
      "/",
      "..",
      "/v2/",
      path,
      `${registry}${path}`,
      HUGE,
      "%zz",
      "\u00e4\u00ff",
    ],
    ...[...Array<string>(8).fill(`${other}${path}`), `${other}/elsewhere?state=1`, `//${new URL(other).host}/v2/`],
    ...[
      other.replace("http:", "https:"),
      `${other.replace("//", "//user:password@")}${path}`,
      "http://127.0.0.1:1/v2/",
    ],
    ...["ftp://127.0.0.1/v2/", "file:///etc/hostname", "javascript:void(0)", "http://[::1", "http://127.0.0.1:99999/"],
  ],
  "docker-content-digest": () => [undefined, WRONG_DIGEST, WRONG_DIGEST, "sha256:12", "md5:0", "", HUGE],
  "content-length": () => ["too long", "too short", undefined, "garbage", "-5", "999999999999999"],
  range: () => [undefined, "0-99999999999", "0-4095", "9-0", "bytes=0-5", "0-0", "-5", "0-1e3", "garbage"],
  "content-range": () => ["garbage", "bytes 5-1/3", "bytes 0-0/*", "bytes */0", "bytes 7-9/10", undefined],
  "retry-after": () => [undefined, "0", "0", "1", "-5", PAST, FUTURE, "99999999999", "soon", ""],
  "www-authenticate": ({ other }) => [
    ...[undefined, "", 'Basic realm="registry"', "Basic", "Bearer", "Negotiate", 'Bearer realm="/tokens"', "=,=,"],
    ...[`Bearer realm="${other}${NAMED_TOKENS}",service="registry"`, `Bearer realm="${other}${NAMED_TOKENS}"`],
    ...[`Basic realm="r", Bearer realm="${other}${NAMED_TOKENS}"`, 'Bearer realm="ftp://127.0.0.1/"', 'Bearer realm="'],
  ],
  "content-type": () => ["text/html", "text/html; charset=utf-8", undefined, OCI_INDEX, "application/json", ""],
  link: ({ path, other }) => [`<${other}${path}>; rel="next"`, `<${path}>; rel=next`, `<?n=1&last=p>; rel="next"`, "<"],
  "oci-chunk-min-length": () => ["1", "1000000000", "-1", "garbage"],
  "x-filler": () => [HUGE],
};

/** The header that belongs to a status. */
const HEADER_OF: Readonly<Record<number, string>> = {
  ...{ 201: "docker-content-digest", 202: "location", 204: "range", 206: "content-range", 416: "content-range" },
  ...{ 301: "location", 302: "location", 303: "location", 307: "location", 308: "location" },
  ...{ 401: "www-authenticate", 429: "retry-after", 503: "retry-after" },
};

const ERROR_CODES = [
  ...["BLOB_UNKNOWN", "BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "DIGEST_INVALID", "MANIFEST_BLOB_UNKNOWN"],
  ...["MANIFEST_INVALID", "MANIFEST_UNKNOWN", "NAME_INVALID", "NAME_UNKNOWN", "SIZE_INVALID", "UNAUTHORIZED", "DENIED"],
  ...["UNSUPPORTED", "TOOMANYREQUESTS", "", 12, null],
];

/** Titles that lead out of a folder, or that name no file. A pull must refuse an artifact with such a title. */
const UNSAFE_TITLES = ["../escaped", "/tmp/escaped", "a/../../escaped", "..", "a/..", "/"];

const UNSAFE_TAGS = [["../escaped"], ["/escaped", "a b"], [1], null, "p"];

interface BodyTools {
  readonly random: () => number;
  readonly authorization: string | undefined;
}

type MakeBody = (tools: BodyTools) => (right: Buffer) => Buffer;

/** The bodies, each with its frequency. */
const BODIES: Readonly<Record<string, readonly [frequency: number, make: MakeBody]>> = {
  empty: [3, () => () => Buffer.alloc(0)],
  html: [3, () => () => Buffer.from("<html><head><title>Welcome</title></head><body>It works!</body></html>")],
  error: [5, errorBody],
  "cut JSON": [2, () => () => Buffer.from('{"errors":[{"code":"DENIED","mess')],
  "10 MB of text": [1, () => () => LONG_TEXT],
  "unsafe manifest": [1, ({ random }) => always(unsafeManifest(pick(random, UNSAFE_TITLES)))],
  "unsafe tags": [1, ({ random }) => always({ name: "p", tags: pick(random, UNSAFE_TAGS) })],
  "right body, cut": [0, ({ random }) => shareOf(random())],
  "right body, one bit flipped": [0, ({ random }) => flipped(random())],
  "right body, longer": [0, () => (right) => Buffer.concat([right, Buffer.from("\0more")])],
};

const BODY_NAMES = Object.entries(BODIES).flatMap(([name, [frequency]]) => Array<string>(frequency).fill(name));

/** The names of the changed right bodies. A fault uses them only if the server handles the request. */
const CHANGES_OF_RIGHT_BODY = [
  ...Array<string>(4).fill("right body, one bit flipped"),
  ...["right body, cut", "right body, longer"],
];

const DELIVERIES: readonly Delivery[] = [
  ...Array<Delivery>(14).fill("whole"),
  ...(["early", "early", "cut", "cut", "stalled", "unanswered", "disconnected", "garbage"] as const),
];

/** The parts of an answer. */
const PARTS = ["status", "headers", "body", "delivery"] as const;

/** Draws the answer to a request. */
export function drawFault(random: () => number, request: FaultyRequest): Fault {
  const handled = random() < 0.5;
  const changed = handled ? drawParts(random) : PARTS;
  const bodyName = changed.includes("body") ? drawBodyName(random, handled, request) : "right body";
  const statuses = pick(random, [SUCCESSES[request.method] ?? FREQUENT, FREQUENT, STATUSES, REDIRECTS]);
  // The client reads an unsafe name only from a successful response. So most unsafe names get the status 200.
  const drawn = bodyName.startsWith("unsafe") && random() < 0.7 ? 200 : pick(random, statuses);
  const status = changed.includes("status") ? drawn : undefined;
  const [, make] = BODIES[bodyName] ?? [0, () => (right: Buffer) => right];
  const headers = drawHeaders(random, status, changed.includes("headers"), request);
  // If the client requests a manifest by its tag, only the header `docker-content-digest` shows that a bit is flipped.
  // So the fault must not change this header.
  if (bodyName.endsWith("flipped")) delete headers["docker-content-digest"];
  return {
    handled,
    informational: random() < 0.1 ? [pick(random, [100, 102, 103, 103])] : [],
    status,
    headers,
    bodyName,
    body: make({ random, authorization: request.authorization }),
    delivery: changed.includes("delivery") ? pick(random, DELIVERIES) : "whole",
  };
}

/**
 * Chooses the name of a body. If the server handles the request, prefers changes of the right body. Otherwise, if the
 * client requests a list of tags or a manifest, often chooses an unsafe list or an unsafe manifest.
 */
function drawBodyName(random: () => number, handled: boolean, { method, path }: FaultyRequest): string {
  if (handled && random() < 0.7) {
    const name = pick(random, CHANGES_OF_RIGHT_BODY);
    // If a flipped bit changed the name of the field with the token, the client would not recognize the token. So the
    // client might show the token in an error message.
    return path.startsWith("/tokens") && name.endsWith("flipped") ? "right body, cut" : name;
  }
  const kind = path.includes("/tags/list") ? "unsafe tags" : "unsafe manifest";
  const hasKind = method === "GET" && /\/(tags|manifests)\//.test(path);
  return hasKind && random() < 0.3 ? kind : pick(random, BODY_NAMES);
}

/**
 * Chooses which parts of a right answer the fault changes. Often chooses only one part, because a single change is the
 * hardest to notice.
 */
function drawParts(random: () => number): readonly string[] {
  if (random() < 0.6) return [pick(random, PARTS)];
  return PARTS.filter(() => random() < 0.5);
}

/**
 * Draws headers. These usually include the header that belongs to the status. If `others` is true, they include up to
 * two other headers.
 */
function drawHeaders(random: () => number, status: number | undefined, others: boolean, request: FaultyRequest) {
  const count = others ? 1 + Math.floor(random() * 2) : 0;
  const names = Array.from({ length: count }, () => pick(random, Object.keys(HEADERS)));
  const own = HEADER_OF[status ?? 0];
  if (own !== undefined && random() < 0.8) names.push(own);
  const values = names.map((name) => [name, pick(random, (HEADERS[name] as Values)(request))] as const);
  return Object.fromEntries(values) as Record<string, string | undefined>;
}

function errorBody({ random, authorization }: BodyTools) {
  const messages = [
    "broken on purpose",
    "\u001b[31m\r\nred",
    HUGE,
    { a: 1 },
    `your Authorization was ${authorization}`,
  ];
  const errors = [{ code: pick(random, ERROR_CODES), message: pick(random, messages), detail: authorization }];
  return always(pick(random, [{ errors }, { errors }, { errors: [] }, errors[0], null, { errors: {} }]));
}

function always(value: unknown): () => Buffer {
  return () => Buffer.from(JSON.stringify(value));
}

function unsafeManifest(title: string) {
  const annotations = { "org.opencontainers.image.title": title };
  // The registry has this blob, so only the title is wrong.
  const layer = { ...EMPTY_DESCRIPTOR, mediaType: FILE_LAYER, annotations };
  return { schemaVersion: 2, mediaType: OCI_MANIFEST, config: EMPTY_DESCRIPTOR, layers: [layer], annotations: {} };
}

function shareOf(share: number): (right: Buffer) => Buffer {
  return (right) => right.subarray(0, Math.floor(right.length * share));
}

function flipped(place: number): (right: Buffer) => Buffer {
  return (right) => {
    const copy = Buffer.from(right);
    const bit = Math.floor(place * copy.length * 8);
    if (copy.length > 0) copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
    return copy;
  };
}
