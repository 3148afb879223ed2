import type { Tool } from "./annotations.ts";

/** For each tool, the options that are not the `OptionTarget` of any annotation, with the reasons. */
export const OPTIONS_WITHOUT_ANNOTATION: Readonly<Record<Tool, Readonly<Record<string, string>>>> = {
  launcher: {
    share: "the path of the shared volume is fixed",
    "wait-push": "injection always sets this option",
    install: "this option replaces the command of the application",
    "checkpoint-now": "this option replaces the command of the application",
    "mounted-at": "this option belongs to `--install`",
  },
  sidecar: {
    share: "the path of the shared volume is fixed",
    native: "injection always sets this option",
    "pull-from": "the annotations `input-uri` and `pull-from` set this option",
    "annotation-file": "the annotation `annotation-config-map` sets this option",
    "ca-file": "the annotation `ca-config-map` sets this option",
    "registry-config": "the annotation `registry-secret` sets this option",
    "cert-file": "the annotation `client-certificate-secret` sets this option",
    "key-file": "the annotation `client-certificate-secret` sets this option",
    username: "the annotation `env-secret` names a Secret, whose variable `ORAS_USER` sets the user name",
    "password-stdin": "the sidecar has no stdin; the annotations for Secrets set the password",
    format: "no program reads the stdout of the sidecar",
    "termination-message": "Kubernetes reads the message from the default file",
  },
};
