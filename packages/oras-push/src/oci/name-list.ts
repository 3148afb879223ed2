import { ToolError } from "shared/cli/tool-error";
import { resolveLocation } from "./http/location.ts";
import type { Transport } from "./http/transport.ts";
import { MAX_MANIFEST_BYTES } from "./manifest-size.ts";

/** The maximum number of names in one page of a list. Some registries refuse a larger number. */
const NAMES_PER_PAGE = 1000;

/** A list of names that a registry returns in pages. */
export interface NameList {
  /** The path of the list, such as `/v2/metric/run/tags/list`. */
  readonly path: string;
  readonly scope: string;
  /** The response's field that contains the names. */
  readonly field: "tags" | "repositories";
  /** The status codes that mean "there are no names". Any status except these and 200 causes an error. */
  readonly none: readonly number[];
}

/** One page of a list of names. */
export interface NamePage {
  readonly names: readonly string[];
  /** The URL of the next page. Undefined if the response contains no such URL. */
  readonly next: URL | undefined;
}

/**
 * Returns the names on all pages of a list (distribution-spec, "Listing Tags"). Some registries do not send the URL of
 * the next page. Therefore, after a full page, this function requests the names that follow the last name.
 */
export async function listNames(transport: Transport, list: NameList): Promise<string[]> {
  const names = new Set<string>();
  let target: string | URL | undefined = `${list.path}?n=${NAMES_PER_PAGE}`;
  while (target !== undefined) {
    const from: string | URL = target;
    const page: NamePage = await transport.retrying(
      () => fetchPage(transport, list, from),
      `the list of ${list.field}`,
    );
    const known = names.size;
    for (const name of page.names) names.add(name);
    const grows = names.size > known;
    if (page.next !== undefined && !grows)
      throw new ToolError(
        "registry",
        `the registry ${transport.registry} returns the same page of ${list.field} again and again`,
      );
    target = page.next ?? (grows ? guessedPage(list, page.names) : undefined);
  }
  return [...names];
}

/**
 * Whether a list of tags or repositories contains at least one name. Requests only the first name, and does not retry.
 * `patience` is the longest time to wait for a response, in milliseconds.
 */
export async function hasNames(transport: Transport, list: NameList, patience: number): Promise<boolean> {
  const { names, next } = await fetchPage(transport, list, `${list.path}?n=1`, patience);
  return names.length > 0 || next !== undefined;
}

/**
 * Returns the request target of the next page if the current page is full. Otherwise, the current page is the last
 * page, and this function returns undefined. `names` contains the names of the current page.
 */
function guessedPage({ path }: NameList, names: readonly string[]): string | undefined {
  if (names.length < NAMES_PER_PAGE) return undefined;
  return `${path}?n=${NAMES_PER_PAGE}&last=${encodeURIComponent(names.at(-1) ?? "")}`;
}

async function fetchPage(
  transport: Transport,
  { scope, field, none }: NameList,
  target: string | URL,
  patience?: number,
): Promise<NamePage> {
  const response = await transport.send({
    method: "GET",
    target,
    scope,
    expect: [200, ...none],
    retry: false,
    ...(patience === undefined ? {} : { patience }),
  });
  if (response.status === 200) {
    const names = parseNames(await response.bytes(MAX_MANIFEST_BYTES), field);
    return { names, next: nextPage(response.header("link"), response.url) };
  }
  await response.discard();
  return { names: [], next: undefined };
}

/**
 * Parses the names of one page. Returns an empty list if the list in the body is null or missing. Throws `registry` for
 * any other body without a list of names.
 */
export function parseNames(body: Buffer, field: NameList["field"]): string[] {
  let names: unknown;
  try {
    names = (JSON.parse(body.toString()) as Record<string, unknown> | null)?.[field] ?? [];
  } catch {
    names = undefined;
  }
  if (!Array.isArray(names) || !names.every((name) => typeof name === "string"))
    throw new ToolError("registry", `the registry did not return a list of ${field}`);
  return names;
}

/** Finds the URL of the next page in a `Link` header (RFC 8288, section 3). Returns undefined on the last page. */
export function nextPage(header: string | undefined, url: URL): URL | undefined {
  for (const [, target = "", parameters = ""] of (header ?? "").matchAll(/<([^>]*)>([^<]*)/g))
    if (/;\s*rel\s*=\s*(?:next\b|"(?:[^"]*\s)?next(?:\s[^"]*)?")/i.test(parameters))
      return resolveLocation(target, url);
  return undefined;
}
