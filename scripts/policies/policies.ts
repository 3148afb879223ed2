/** The admission policies of images/manifests/injection. */

import { ANNOTATIONS, NONE, OWN_PREFIX } from "oras-push/inject/annotations";
import { MESSAGE_PREFIX } from "oras-push/inject/messages";
import { NAMES } from "oras-push/inject/parts";
import { VERSION } from "shared/cli/version";
import { ANNOTATION_VARIABLES, annotationProblems, isOurs } from "./annotation-variables.ts";
import { message, text, texts } from "./cel.ts";
import { patchExpression } from "./mutation.ts";
import { MUTATION_VARIABLES, POD_VARIABLES, podProblems } from "./pod-variables.ts";
import { usedVariables, type Variable } from "./variable.ts";

/** The policies apply only to namespaces with this label. */
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
/** The pod itself, or the pod template of another object, such as a Job. */
const TEMPLATE_EXPRESSION =
  "has(dyn(object).spec.jobTemplate) ? dyn(object).spec.jobTemplate.spec.template : has(dyn(object).spec.template) ? dyn(object).spec.template : dyn(object)";
const TEMPLATE = { name: "pod", expression: TEMPLATE_EXPRESSION };

const COMMON: readonly Variable[] = [
  { name: "annotations", expression: "variables.pod.?metadata.?annotations.orValue({})" },
  { name: "spec", expression: "variables.pod.spec" },
  ...ANNOTATION_VARIABLES,
  ...POD_VARIABLES,
];

/** The objects of the file `policies.yaml`, in their order: each policy, directly followed by its binding. */
export function policies(): readonly object[] {
  return [mutatingPolicy(), inheritingPolicy(), denyingPolicy(), warningPolicy()].flatMap((policy) => [
    policy,
    binding(policy),
  ]);
}

/**
 * The condition under which a policy reads the annotations of a pod. `pod` is an expression. The condition excludes
 * pods without our annotations, and pods that already have the sidecar. For these pods, the condition saves most of
 * the time that a policy would add to their creation. For all other pods, the API server evaluates the variables and
 * the messages of a validating policy, even if the pod is valid. There is only one condition, because the API server
 * evaluates all conditions of a policy, even if the first condition is false.
 */
function asksForInjection(pod: string): object[] {
  const annotated = `(${pod}).?metadata.?annotations.orValue({}).exists(name, ${isOurs("name")})`;
  const injected = `(${pod}).spec.?initContainers.orValue([]).exists(container, container.name == ${text(NAMES.sidecar)})`;
  return [{ name: "asks-for-injection", expression: `${annotated}\n&& !${injected}` }];
}

interface Policy {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  /** What a validating policy does with an invalid object. */
  readonly actions?: readonly string[];
  readonly spec: object;
}

function mutatingPolicy(): Policy {
  const images = ANNOTATIONS.filter(({ sets }) => sets === "image").map(({ name }) => name);
  const image = images.reduceRight(
    (rest, name) => `variables.given[?${text(name)}].orValue(${rest})`,
    "variables.toolsImage",
  );
  const toolsImage = { name: "toolsImage", expression: text(`oras-pod-tools:${VERSION}`) };
  const own = [
    { name: "image", expression: image },
    { name: "problems", expression: `${annotationProblems()}\n+ ${podProblems()}` },
  ];
  const expression = patchExpression();
  return {
    kind: "MutatingAdmissionPolicy",
    metadata: { name: "oras-pod-tools" },
    spec: {
      failurePolicy: "Fail",
      reinvocationPolicy: "IfNeeded",
      matchConstraints: { resourceRules: [PODS] },
      matchConditions: asksForInjection("object"),
      // `toolsImage` must be the first variable, because overlays set the image at this position.
      variables: [toolsImage, ...usedVariables([OBJECT, ...COMMON, ...MUTATION_VARIABLES, ...own], [expression])],
      mutations: [{ patchType: "JSONPatch", jsonPatch: { expression } }],
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

/**
 * This validating policy refuses invalid objects with a message. The mutating policy cannot do this, and leaves an
 * invalid pod unchanged.
 */
function denyingPolicy(): Policy {
  const controller = message("controller", { kind: "request.kind.kind" });
  const problems = {
    name: "problems",
    expression: `request.kind.group == "apps" ? [${controller}] :\n${annotationProblems()}\n+ ${podProblems()}`,
  };
  const validation = {
    expression: "variables.problems.size() == 0",
    messageExpression: `${text(MESSAGE_PREFIX)} + variables.problems[0]`,
    reason: "Forbidden",
  };
  return {
    kind: "ValidatingAdmissionPolicy",
    metadata: { name: "oras-pod-tools-deny" },
    actions: ["Deny"],
    spec: {
      failurePolicy: "Fail",
      matchConstraints: { resourceRules: [PODS, JOBS, FOREVER] },
      matchConditions: asksForInjection(TEMPLATE_EXPRESSION),
      variables: usedVariables([TEMPLATE, ...COMMON, problems], [validation.expression]),
      validations: [validation],
    },
  };
}

function warningPolicy(): Policy {
  const ignored = ANNOTATIONS.filter(({ sets, type }) => sets === "nothing" && type === "url");
  const containers = ANNOTATIONS.filter(({ sets }) => sets === "container");
  const names = texts([...containers, ...ignored].map(({ name }) => name));
  const validations = [
    {
      expression: "variables.injected || !variables.worker",
      messageExpression: message("worker", { container: "variables.named" }),
    },
    ...ignored.map(({ name }) => ({
      expression: `variables.annotations[?${text(name)}].orValue(${text(NONE)}) == ${text(NONE)} || variables.worker`,
      messageExpression: message("ignored", { name: text(name) }),
    })),
  ];
  return {
    kind: "ValidatingAdmissionPolicy",
    metadata: { name: "oras-pod-tools-warn" },
    actions: ["Warn"],
    spec: {
      failurePolicy: "Fail",
      matchConstraints: { resourceRules: [PODS, JOBS] },
      matchConditions: [
        {
          name: "can-warn",
          expression: `(${TEMPLATE_EXPRESSION}).?metadata.?annotations.orValue({}).exists(name, name in ${names})`,
        },
      ],
      variables: usedVariables([TEMPLATE, ...COMMON], validations.flatMap(Object.values)),
      validations,
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

/** Returns a policy or a binding in the form for `policies.yaml`: with the API version, and without `actions`. */
export function withVersion(policy: object): object {
  const { actions: _, ...fields } = policy as Policy;
  return { apiVersion: API, ...fields };
}
