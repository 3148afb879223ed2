import { injectPod } from "../inject-pod.ts";
import { below, type JsonPatch } from "../json-patch.ts";
import { MESSAGE_PREFIX, messageText } from "../messages.ts";
import type { InjectionSettings } from "../settings.ts";
import { type FoundTemplate, findTemplates, runsForever } from "../templates.ts";

/** The request of an `AdmissionReview` (Kubernetes API, admission.k8s.io/v1). */
export interface AdmissionRequest {
  readonly uid: string;
  readonly object: unknown;
}

/** The decision about a request. */
export interface AdmissionDecision {
  /** The reason why the object is refused. The value is undefined if the object is allowed. */
  readonly refusal: string | undefined;
  readonly patch: JsonPatch;
  readonly warnings: readonly string[];
}

const REVIEW = { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview" } as const;

/** The status code of a refusal. The admission policies use the same code. */
const FORBIDDEN = 403;

/**
 * Returns the admission request in the body of an HTTP request. Returns undefined if the body is not an
 * `AdmissionReview` of admission.k8s.io/v1 with an object.
 */
export function parseReview(body: string): AdmissionRequest | undefined {
  const review = parseObject(body);
  if (review?.apiVersion !== REVIEW.apiVersion || review.kind !== REVIEW.kind) return undefined;
  const { uid, object } = (review.request ?? {}) as Partial<AdmissionRequest>;
  return typeof uid === "string" && typeof object === "object" && object !== null ? { uid, object } : undefined;
}

/**
 * Decides whether an object is allowed, and how to patch the object. The admission policies make the same decision. A
 * Pod is injected at once. For a Job or a CronJob, the patch only copies the annotations to the pod template. The
 * webhook injects each pod of the template later, when Kubernetes creates the pod. Refuses an object if its pods would
 * be refused.
 */
export function decide(object: unknown, settings: InjectionSettings): AdmissionDecision {
  const decisions = findTemplates(object).map((template) => decideTemplate(template, settings));
  return {
    refusal: decisions.find(({ refusal }) => refusal !== undefined)?.refusal,
    patch: decisions.flatMap(({ patch }) => patch),
    warnings: decisions.flatMap(({ warnings }) => warnings),
  };
}

/** Returns the body of the response to a request. */
export function reviewResponse(uid: string, { refusal, patch, warnings }: AdmissionDecision): string {
  const denied = { allowed: false, status: { code: FORBIDDEN, message: `${MESSAGE_PREFIX}${refusal}` } };
  const encoded = Buffer.from(JSON.stringify(patch)).toString("base64");
  const changed = patch.length === 0 ? {} : { patchType: "JSONPatch", patch: encoded };
  const result = refusal === undefined ? { allowed: true, ...changed } : denied;
  const texts = warnings.map((warning) => `${MESSAGE_PREFIX}${warning}`);
  return JSON.stringify({
    ...REVIEW,
    response: { uid, ...result, ...(texts.length === 0 ? {} : { warnings: texts }) },
  });
}

function decideTemplate({ kind, path, pod, inherited }: FoundTemplate, settings: InjectionSettings): AdmissionDecision {
  const nothing: AdmissionDecision = { refusal: undefined, patch: [], warnings: [] };
  if (runsForever(kind)) return { ...nothing, refusal: messageText("controller", { kind }) };
  const result = injectPod(pod, settings);
  if (result.kind === "unchanged") return { ...nothing, patch: below(path, inherited) };
  if (result.kind === "refused" || result.kind === "no-command") return { ...nothing, refusal: result.why };
  const isPod = path.length === 0;
  return { ...nothing, patch: below(path, isPod ? result.patch : inherited), warnings: result.warnings };
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}
