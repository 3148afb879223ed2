import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ADDRESSES, NODE_NAME } from "./settings.ts";

/**
 * The identities in the cluster, by their names. The API server reads the group (O) and the user (CN) of a client from
 * the subject of the client's certificate.
 */
const IDENTITIES = {
  "kube-apiserver": {
    subject: "/CN=kube-apiserver",
    names: `DNS:localhost,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:${ADDRESSES.node},IP:${ADDRESSES.apiService}`,
  },
  "kube-controller-manager": { subject: "/CN=system:kube-controller-manager" },
  "kube-scheduler": { subject: "/CN=system:kube-scheduler" },
  kubelet: {
    subject: `/O=system:nodes/CN=system:node:${NODE_NAME}`,
    names: `DNS:${NODE_NAME},IP:${ADDRESSES.node},IP:127.0.0.1`,
  },
  coredns: { subject: "/O=system:masters/CN=coredns" },
  admin: { subject: "/O=system:masters/CN=admin" },
} as const;

/** The name of an identity in the cluster. */
export type Identity = keyof typeof IDENTITIES;

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/**
 * Creates a folder with a certificate authority (`ca.crt`, `ca.key`), a certificate for each identity (`NAME.crt`,
 * `NAME.key`), and the keys for the tokens of service accounts (`tokens.key`, `tokens.pub`). Does nothing if the folder
 * already exists.
 */
export function writeCredentials(folder: string): void {
  if (existsSync(folder)) return;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // Without this file, openssl would use the machine's configuration, which adds extensions.
  writeFileSync(join(folder, "openssl.cnf"), "[req]\ndistinguished_name = subject\n[subject]\n");
  request(folder, "ca", "/CN=test cluster", ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"]);
  for (const [name, { subject, ...rest }] of Object.entries(IDENTITIES))
    issueCertificate(folder, name, subject, "names" in rest ? rest.names : undefined);
  openssl(folder, ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "tokens.key"]);
  openssl(folder, ["pkey", "-in", "tokens.key", "-pubout", "-out", "tokens.pub"]);
}

/**
 * Issues a certificate for servers and clients from the authority in a folder. `names` has the form of openssl's
 * `subjectAltName`.
 */
export function issueCertificate(folder: string, name: string, subject: string, names?: string): void {
  const extensions = ["basicConstraints=critical,CA:FALSE", "extendedKeyUsage=serverAuth,clientAuth"];
  if (names !== undefined) extensions.push(`subjectAltName=${names}`);
  request(folder, name, subject, extensions, ["-CA", "ca.crt", "-CAkey", "ca.key"]);
}

/** Returns a kubeconfig that contains the credentials of an identity. `server` is the URL of the API server. */
export function kubeconfig(folder: string, identity: Identity, server: string): string {
  const read = (name: string) => readFileSync(join(folder, name)).toString("base64");
  const name = "oras-pod-tools";
  const config = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": name,
    contexts: [{ name, context: { cluster: name, user: identity } }],
    clusters: [{ name, cluster: { server, "certificate-authority-data": read("ca.crt") } }],
    users: [
      {
        name: identity,
        user: {
          "client-certificate-data": read(`${identity}.crt`),
          "client-key-data": read(`${identity}.key`),
        },
      },
    ],
  };
  // JSON is valid YAML.
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

function request(
  folder: string,
  name: string,
  subject: string,
  extensions: readonly string[],
  signer: readonly string[] = [],
): void {
  const output = ["-keyout", `${name}.key`, "-out", `${name}.crt`, "-days", "3650"];
  const added = extensions.flatMap((extension) => ["-addext", extension]);
  openssl(folder, [
    ...["req", "-x509", "-config", "openssl.cnf", ...NEW_KEY],
    ...[...output, ...signer, "-subj", subject, ...added],
  ]);
}

function openssl(folder: string, args: readonly string[]): void {
  execFileSync("openssl", args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
}
