import type { OptionSpecs } from "shared/cli/option-specs";
import type { Usage } from "shared/cli/usage";
import { VERSION } from "shared/cli/version";
import type { Delivery } from "../inject/settings.ts";
import { CONNECTIONS_NOTE } from "./notes.ts";
import { REGISTRY_OPTIONS } from "./registry.ts";

const DELIVERIES = ["install", "image-volume"] as const satisfies readonly Delivery[];

const POD_OPTIONS = {
  image: {
    type: "text",
    placeholder: "IMAGE",
    default: `oras-pod-tools:${VERSION}`,
    description: "name of the tools' image in the cluster",
  },
  tools: {
    type: "text",
    choices: DELIVERIES,
    default: "install",
    description:
      "how your container gets the tools: with install, from an init container; with image-volume, from a volume that contains the image of the tools (Kubernetes 1.36 or later)",
  },
} as const satisfies OptionSpecs;

const RESULT_OPTIONS = {
  "dry-run": { type: "flag", description: "print only the changes, in the format of diff -u" },
} as const satisfies OptionSpecs;

const WEBHOOK_OPTIONS = {
  webhook: { type: "flag", description: "run as an admission webhook; read no manifests" },
  listen: {
    type: "text",
    placeholder: "HOST:PORT",
    default: "0.0.0.0:8443",
    description: "host and port of the webhook; write an IPv6 address in brackets",
  },
  "tls-dir": {
    type: "text",
    placeholder: "DIR",
    default: "/etc/oras-pod-tools/tls",
    description: "folder with the webhook's certificate (tls.crt) and private key (tls.key)",
  },
} as const satisfies OptionSpecs;

const { "plain-http": plainHttp, insecure, "ca-file": caFile, "registry-config": registryConfig } = REGISTRY_OPTIONS;

const IMAGE_REGISTRY_OPTIONS = {
  "plain-http": plainHttp,
  insecure,
  "ca-file": caFile,
  "registry-config": registryConfig,
  "retry-for": REGISTRY_OPTIONS["retry-for"],
} as const satisfies OptionSpecs;

/** How to call `oras-push inject`. */
export const INJECT_USAGE = {
  name: "oras-push inject",
  summary: "add the launcher and the sidecar to annotated pods in manifests",
  description: [
    "oras-push inject reads manifests from files or from stdin, and writes them to stdout. Pods and templates with",
    "annotations of the tools or of the ORAS Operator get the launcher, the shared volume and the sidecar. All other",
    "objects stay as they are. docs/annotations.md lists the annotations.",
  ].join(" "),
  forms: ["[options] [FILE ...]", "[options] --webhook"],
  options: { ...POD_OPTIONS, ...RESULT_OPTIONS, ...WEBHOOK_OPTIONS, ...IMAGE_REGISTRY_OPTIONS },
  groups: {
    "Pod options": POD_OPTIONS,
    "Output options": RESULT_OPTIONS,
    "Webhook options": WEBHOOK_OPTIONS,
    "Registry options": IMAGE_REGISTRY_OPTIONS,
  },
  takesPaths: true,
  examples: [
    { text: "Inject the tools into the annotated pods of a manifest", command: "oras-push inject job.yaml" },
    { text: "Show only the changes", command: "oras-push inject --dry-run job.yaml" },
    {
      text: "Use the image of another registry",
      command: "oras-push inject --image registry.example.org/oras-pod-tools:1 job.yaml",
    },
  ],
  notes: [
    {
      title: "Manifests",
      text: [
        "A FILE contains YAML documents or JSON: a Pod, a Job, a CronJob, a JobSet, a List, or any other object with",
        "pods. To read stdin, write - or no FILE. To apply the result, pipe it to kubectl apply -f -. A changed document",
        "keeps its comments, unless it contains aliases. The annotations of a Job also apply to its pods. If a pod cannot",
        "be injected, the command exits with 64, and writes no manifest.",
      ].join(" "),
    },
    {
      title: "Entrypoints",
      text: [
        "If the container has no command, the launcher needs the entrypoint of the container's image. oras-push inject",
        "reads the entrypoint from the image's registry.",
      ].join(" "),
    },
    {
      title: "Webhook",
      text: [
        "With --webhook, oras-push inject answers AdmissionReviews at /inject until SIGTERM. It injects each pod when",
        "Kubernetes creates the pod. The paths /livez and /readyz are for probes. The webhook reads the certificate again when its",
        "files change. A body has at most 4 MiB, and a request takes at most 5 seconds. Kubernetes 1.36 or later does not",
        "need the webhook, because admission policies do the same.",
      ].join(" "),
    },
    CONNECTIONS_NOTE,
  ],
  exitCodes: ["noInput", "unavailable", "registry", "notAuthorized"],
  exitMeanings: {
    success: "the manifests are written",
    usage: "usage error, an invalid manifest, or a pod that cannot be injected",
    noInput: "a file, a certificate or an image is missing or unreadable",
  },
} as const satisfies Usage<OptionSpecs>;
