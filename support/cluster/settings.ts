import { join } from "node:path";
import { CACHE } from "../paths.ts";

/** The name of the only node. */
export const NODE_NAME = "node-1";

/** The addresses of the cluster. They exist only in the node's network namespace. */
export const ADDRESSES = {
  node: "10.90.0.1",
  pods: "10.91.0.0/16",
  /** The address of the bridge that connects the pods. CoreDNS listens here. */
  bridge: "10.91.0.1",
  services: "10.92.0.0/16",
  /** The service `kubernetes`. */
  apiService: "10.92.0.1",
  /** The API server, for the components. */
  api: "127.0.0.1:6443",
} as const;

/** The paths inside the node. They are short, because the path of a socket is limited to 107 bytes. */
export const INSIDE = {
  /** The folder of the cluster. */
  state: "/run/node",
  /** The folder of the programs. */
  programs: "/run/programs",
  /** The default path of containerd's socket. Clients of containerd expect this path. */
  containerd: "/run/containerd/containerd.sock",
} as const;

/** The folder that contains a subfolder for each cluster of this clone. */
export const CLUSTERS: string = join(CACHE, "cluster");

/** The folder of the programs that are built with Go. */
export const PROGRAMS: string = join(CACHE, "bin");

/** The names of the files in the folder of a cluster. */
export const FILES = {
  kubeconfig: "kubeconfig",
  logs: "log",
  node: "node.json",
  /** The folder of containerd's settings for registries. It contains a subfolder for each registry. */
  registries: "certs.d",
  volumes: "volumes",
} as const;
