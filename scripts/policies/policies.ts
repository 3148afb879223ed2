/** The admission policies of images/manifests/injection. */

import { ANNOTATIONS, NONE, OWN_PREFIX } from "oras-push/inject/annotations";
import { MESSAGE_PREFIX } from "oras-push/inject/messages";
import { NAMES } from "oras-push/inject/parts";
import { VERSION } from "shared/cli/version";
import { ANNOTATION_PROBLEMS, ANNOTATION_VARIABLES, isOurs } from "./annotation-variables.ts";
import { message, text } from "./cel.ts";
import { patchExpression } from "./mutation.ts";
import { MUTATION_VARIABLES, POD_VARIABLES } from "./pod-variables.ts";
import type { Variable } from "./variable.ts";

/** The label of a namespace whose pods are injected. */
export const NAMESPACE_LABEL = { [`${OWN_PREFIX}injection`]: "enabled" } as const;

const API = "admissionregistration.k8s.io/v1";

const PODS = { apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] };
const JOBS = { apiGroups: ["batch"], apiVersions: ["v1"], operations: ["CREATE"], resources: ["jobs", "cronjobs"] };
const FOREVER = {
  apiGroups: ["apps"],
  apiVersions: ["v1"],
  operations: ["CREATE"],
  resources: ["deployments", "statefulsets", "daemonsets"],
};

const OBJECT = { name: "pod", expression: "dyn(object)" };
/** The pod, or the template of a Job, a CronJob or a Deployment. */
const TEMPLATE = {
  name: "pod",
  expression:
    "has(dyn(object).spec.jobTemplate) ? dyn(object).spec.jobTemplate.spec.template : has(dyn(object).spec.template) ? dyn(object).spec.template : dyn(object)",
};

const COMMON: readonly Variable[] = [
  { name: "annotations", expression: "variables.pod.?metadata.?annotations.orValue({})" },
  { name: "spec", expression: "variables.pod.spec" },
  ...ANNOTATION_VARIABLES,
  ...POD_VARIABLES,
];

/** The objects of the folder, in the order in which they are applied. */
export function policies(): readonly object[] {
  return [mutatingPolicy(), inheritingPolicy(), denyingPolicy(), warningPolicy()].flatMap((policy) => [
    policy,
    binding(policy),
  ]);
}

interface Policy {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  /** What a validating policy does with an invalid object. */
  readonly actions?: readonly string[];
  readonly spec: object;
}

function mutatingPolicy(): Policy {
  const annotated = `object.metadata.?annotations.orValue({}).exists(name, ${isOurs("name")})`;
  const injected = `object.spec.?initContainers.orValue([]).exists(container, container.name == ${text(NAMES.sidecar)})`;
  const images = ANNOTATIONS.filter(({ sets }) => sets === "image").map(({ name }) => name);
  const image = images.reduceRight(
    (rest, name) => `variables.given[?${text(name)}].orValue(${rest})`,
    "variables.toolsImage",
  );
  return {
    kind: "MutatingAdmissionPolicy",
    metadata: { name: "oras-pod-tools" },
    spec: {
      failurePolicy: "Fail",
      reinvocationPolicy: "IfNeeded",
      matchConstraints: { resourceRules: [PODS] },
      matchConditions: [
        { name: "annotated", expression: annotated },
        { name: "not-injected", expression: `!${injected}` },
      ],
      variables: [
        { name: "toolsImage", expression: text(`oras-pod-tools:${VERSION}`) },
        OBJECT,
        ...COMMON,
        ...MUTATION_VARIABLES,
        { name: "image", expression: image },
        {
          name: "words",
          expression: "variables.container.?command.orValue([]) + variables.container.?args.orValue([])",
        },
        { name: "problems", expression: `${ANNOTATION_PROBLEMS}\n+ variables.podProblems` },
      ],
      mutations: [{ patchType: "JSONPatch", jsonPatch: { expression: patchExpression() } }],
    },
  };
}

/** As with the ORAS Operator, the annotations of a Job also apply to its pods. */
function inheritingPolicy(): Policy {
  const owner = "has(dyn(object).spec.jobTemplate) ? dyn(object).spec.jobTemplate : dyn(object)";
  const key = 'name.replace("~", "~0").replace("/", "~1")';
  return {
    kind: "MutatingAdmissionPolicy",
    metadata: { name: "oras-pod-tools-jobs" },
    spec: {
      failurePolicy: "Fail",
      reinvocationPolicy: "IfNeeded",
      matchConstraints: { resourceRules: [JOBS] },
      variables: [
        { name: "owner", expression: owner },
        {
          name: "path",
          expression: '(has(dyn(object).spec.jobTemplate) ? "/spec/jobTemplate" : "") + "/spec/template/metadata"',
        },
        { name: "own", expression: "variables.owner.spec.template.?metadata.?annotations.orValue({})" },
        { name: "all", expression: "variables.owner.?metadata.?annotations.orValue({})" },
        {
          name: "missing",
          expression: `variables.all.map(name, string(name)).filter(name, ${isOurs("name")} && !(name in variables.own))`,
        },
      ],
      mutations: [
        {
          patchType: "JSONPatch",
          jsonPatch: {
            expression: `variables.missing.size() == 0 ? [] :
(has(variables.owner.spec.template.metadata) ? [] : [JSONPatch{op: "add", path: variables.path, value: {}}])
+ (variables.owner.spec.template.?metadata.?annotations.hasValue() ? [] : [JSONPatch{op: "add", path: variables.path + "/annotations", value: {}}])
+ variables.missing.map(name, JSONPatch{op: "add", path: variables.path + "/annotations/" + ${key}, value: string(variables.all[name])})`,
          },
        },
      ],
    },
  };
}

/** A mutating policy has no messages. So this policy refuses what the mutating policy left as it was. */
function denyingPolicy(): Policy {
  const controller = message("controller", { kind: "request.kind.kind" });
  return {
    kind: "ValidatingAdmissionPolicy",
    metadata: { name: "oras-pod-tools-deny" },
    actions: ["Deny"],
    spec: {
      failurePolicy: "Fail",
      matchConstraints: { resourceRules: [PODS, JOBS, FOREVER] },
      variables: [
        TEMPLATE,
        ...COMMON,
        {
          name: "problems",
          expression: `request.kind.group == "apps" ? [${controller}] :\n${ANNOTATION_PROBLEMS}\n+ variables.podProblems`,
        },
      ],
      validations: [
        {
          expression: "!variables.asks || variables.injected || variables.problems.size() == 0",
          messageExpression: `${text(MESSAGE_PREFIX)} + variables.problems[0]`,
          reason: "Forbidden",
        },
      ],
    },
  };
}

function warningPolicy(): Policy {
  const ignored = ANNOTATIONS.filter(({ sets, type }) => sets === "nothing" && type === "url");
  return {
    kind: "ValidatingAdmissionPolicy",
    metadata: { name: "oras-pod-tools-warn" },
    actions: ["Warn"],
    spec: {
      failurePolicy: "Fail",
      matchConstraints: { resourceRules: [PODS, JOBS] },
      variables: [TEMPLATE, ...COMMON],
      validations: [
        {
          expression: "!variables.asks || variables.injected || !variables.worker",
          messageExpression: message("worker", { container: "variables.named" }),
        },
        ...ignored.map(({ name }) => ({
          expression: `variables.annotations[?${text(name)}].orValue(${text(NONE)}) == ${text(NONE)} || variables.worker`,
          messageExpression: message("ignored", { name: text(name) }),
        })),
      ],
    },
  };
}

function binding({ kind, metadata: { name }, actions }: Policy): object {
  return {
    apiVersion: API,
    kind: `${kind}Binding`,
    metadata: { name },
    spec: {
      policyName: name,
      ...(actions === undefined ? {} : { validationActions: actions }),
      matchResources: { namespaceSelector: { matchLabels: NAMESPACE_LABEL } },
    },
  };
}

/** Returns an object as it is written, with its version. */
export function withVersion(policy: object): object {
  const { actions: _, ...fields } = policy as Policy;
  return { apiVersion: API, ...fields };
}
