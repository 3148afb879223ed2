import { OPERATOR_CASES } from "./pods/operator.ts";
import { OWN_CASES } from "./pods/own.ts";
import type { PodCase } from "./pods/pod-case.ts";
import { REFUSED_CASES } from "./pods/refused.ts";
import { SHAPE_CASES } from "./pods/shapes.ts";

export type { PodCase, TestPod } from "./pods/pod-case.ts";

/**
 * The pods of the injection tests. The pure function, `oras-push inject`, the policies and the webhook are tested with
 * each pod.
 */
export const PODS: readonly PodCase[] = [...OPERATOR_CASES, ...OWN_CASES, ...SHAPE_CASES, ...REFUSED_CASES];
