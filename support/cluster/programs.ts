import { existsSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { canInstall, findProgram, installPackages } from "../debian.ts";
import { debianProgram } from "../dependencies.ts";
import type { Dependency } from "../dependency.ts";
import { type GoBuild, goProgram } from "../go.ts";
import { certManagerControllers } from "./cert-manager.ts";
import { jobSetController } from "./jobset.ts";
import { PROGRAMS } from "./settings.ts";

const KUBERNETES = "1.37.2";
const CONTAINERD = "2.4.2";

/** The names of the links to the executable of Kubernetes. The name of the link selects the component. */
const COMPONENTS = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl"];

const NEEDS_GO = "needs Go, which is not installed";

const CNI_FOLDER = "/usr/lib/cni";

/**
 * Returns the dependencies of a cluster, by name. Installs missing Debian packages, and builds missing Go programs. If
 * this process is not root, or if Go is missing, installs and builds nothing. In this case, the result contains only
 * one dependency, which is the cluster itself, and reports it as missing.
 */
export function clusterParts(): Record<string, Dependency> {
  const reason = clusterObstacle();
  if (reason !== undefined)
    return { cluster: { missing: `the Kubernetes cluster: ${reason}`, optional: reason === NEEDS_GO } };
  return { ...debianParts(), ...builtParts() };
}

/**
 * Returns the reason why this machine cannot run a cluster: this process is not root, or Go is not installed. Returns
 * undefined if there is no such reason. Does not check the Debian packages.
 */
export function clusterObstacle(): string | undefined {
  if (process.getuid?.() !== 0) return "needs root, because it creates namespaces and mounts";
  if (findProgram("go") === undefined) return NEEDS_GO;
  return undefined;
}

function debianParts(): Record<string, Dependency> {
  return {
    catatonit: debianProgram("catatonit", ["catatonit"]),
    ip: debianProgram("ip", ["iproute2"]),
    iptables: debianProgram("iptables", ["iptables"]),
    openssl: debianProgram("openssl", ["openssl"]),
    runc: debianProgram("runc", ["runc"]),
    cni: cniPlugins(),
  };
}

/** The network plugins, which are not on PATH. */
function cniPlugins(): Dependency {
  const path = join(CNI_FOLDER, "bridge");
  const name = "containernetworking-plugins";
  try {
    if (!existsSync(path) && canInstall()) installPackages([name]);
  } catch (error) {
    return { missing: (error as Error).message };
  }
  return existsSync(path) ? { path } : { missing: `${path} not found: install the Debian package ${name}` };
}

function builtParts(): Record<string, Dependency> {
  return {
    kubernetes: kubernetes(),
    ...containerd(),
    jobset: jobSetController(),
    "cert-manager": certManagerControllers(),
    coredns: goProgram("coredns", "coredns", ".", { duration: "about 2 minutes on 2 cores" }),
    pause: goProgram("pause", "pause", ".", { duration: "some seconds" }),
  };
}

function kubernetes(): Dependency {
  const [major, minor] = KUBERNETES.split(".");
  const version = "k8s.io/component-base/version";
  const variables = {
    [`${version}.gitVersion`]: `v${KUBERNETES}`,
    [`${version}.gitMajor`]: major as string,
    [`${version}.gitMinor`]: minor as string,
    [`${version}.gitTreeState`]: "clean",
    "k8s.io/client-go/pkg/version.gitVersion": `v${KUBERNETES}`,
  };
  const duration = "about 9 minutes on 2 cores";
  const program = goProgram("kubernetes", "kubernetes-node", ".", { variables, duration });
  if ("path" in program) for (const name of COMPONENTS) linkComponent(name);
  return program;
}

function linkComponent(name: string): void {
  const link = join(PROGRAMS, name);
  if (existsSync(link)) return;
  rmSync(link, { force: true });
  symlinkSync("kubernetes", link);
}

function containerd(): Record<string, Dependency> {
  const module = "github.com/containerd/containerd/v2";
  const build: GoBuild = {
    variables: { [`${module}/version.Version`]: `v${CONTAINERD}` },
    tags: ["no_btrfs", "no_devmapper", "no_zfs"],
    duration: "about 2 minutes on 2 cores",
  };
  const names = ["containerd", "containerd-shim-runc-v2", "ctr"];
  return Object.fromEntries(names.map((name) => [name, goProgram(name, "containerd", `${module}/cmd/${name}`, build)]));
}
