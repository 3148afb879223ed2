/**
 * Prepares the namespaces of a node. Runs once inside the namespaces, before the components start:
 *
 *   node prepare-node.ts STATE PROGRAMS CGROUP
 *
 * The mounts, the host name, the addresses and the settings of the kernel exist only in these namespaces. In contrast,
 * the cgroup CGROUP exists on the whole machine.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { cgroupHierarchies, type Hierarchy } from "./cgroups.ts";
import { ADDRESSES, INSIDE, NODE_NAME } from "./settings.ts";

/**
 * Settings of the kernel, with the values that the kubelet requires. These settings belong to the whole machine.
 * Therefore, this script does not change them. Instead, it mounts files with the required values over the settings.
 * Only the node sees these files.
 */
const KERNEL_SETTINGS = {
  "vm/overcommit_memory": 1,
  "vm/panic_on_oom": 0,
  "kernel/panic": 10,
  "kernel/panic_on_oops": 1,
  "kernel/keys/root_maxkeys": 1_000_000,
  "kernel/keys/root_maxbytes": 25_000_000,
};

/** The weight of all pods together when processes compete for the processors. One other thread has the weight 1. */
const PROCESSOR_WEIGHT = 16;

const [state = "", programs = "", cgroup = ""] = process.argv.slice(2);
const hierarchies = cgroupHierarchies();
mountRun();
mountVar();
mountSys();
for (const hierarchy of hierarchies) addCgroup(hierarchy);
showKernelSettings();
mount("--bind", join(INSIDE.state, "resolv.conf"), "/etc/resolv.conf");
writeFileSync("/proc/sys/kernel/hostname", NODE_NAME);
addNetwork();
// The kubelet mounts volumes. The containers must see these mounts.
mount("--make-rshared", "/");

/** Gives the node its own /run, which contains the folders STATE and PROGRAMS at short paths. */
function mountRun(): void {
  // If the clone itself is in /run, the new /run hides the clone, which contains STATE and PROGRAMS. Therefore, these
  // two folders are mounted before the new /run is moved to its place.
  const fresh = join(state, "run");
  mkdirSync(fresh, { recursive: true });
  mount("-t", "tmpfs", "-o", "mode=0755", "tmpfs", fresh);
  const folders = { [INSIDE.state]: state, [INSIDE.programs]: programs };
  for (const [path, folder] of Object.entries(folders)) {
    const target = join(fresh, basename(path));
    mkdirSync(target);
    mount("--bind", folder, target);
  }
  mount("--move", fresh, "/run");
}

/** Mounts a /var that keeps new and changed files in memory. */
function mountVar(): void {
  const [upper, work] = ["/run/var/upper", "/run/var/work"];
  for (const folder of [upper, work]) mkdirSync(folder, { recursive: true });
  mount("-t", "overlay", "-o", `lowerdir=/var,upperdir=${upper},workdir=${work}`, "overlay", "/var");
}

/**
 * Mounts a /sys that shows the node's network. Removes the old mounts of the cgroups first, because the container
 * runtime uses the first mount of each hierarchy.
 */
function mountSys(): void {
  const mounts = readFileSync("/proc/self/mounts", "utf8").trim().split("\n");
  const cgroups = mounts.map((line) => line.split(" ")).filter(([, , type]) => type?.startsWith("cgroup"));
  for (const [, path = ""] of cgroups.reverse()) run("umount", "--no-mtab", "--lazy", path);
  run("umount", "--no-mtab", "--recursive", "--lazy", "/sys");
  mount("-t", "sysfs", "sysfs", "/sys");
  if (hierarchies.length > 1) mount("-t", "tmpfs", "-o", "mode=0755", "tmpfs", "/sys/fs/cgroup");
  for (const hierarchy of hierarchies) {
    mkdirSync(hierarchy.path, { recursive: true });
    mount(...hierarchy.mount, "cgroup", hierarchy.path);
  }
}

/**
 * Creates the cgroup of the pods, with all resources of its parent. With the default weight, all pods together would
 * get only as much processor time as one thread of another process. So the cgroup gets a larger weight.
 */
function addCgroup({ path, mount: [, type] }: Hierarchy): void {
  const folder = join(path, cgroup);
  mkdirSync(folder);
  const controllers = basename(path).split(",");
  if (type === "cgroup2") {
    const available = readFileSync(join(path, "cgroup.controllers"), "utf8").trim().split(" ");
    const enabled = available.map((name) => `+${name}`).join(" ");
    for (const parent of [path, folder]) writeFileSync(join(parent, "cgroup.subtree_control"), enabled);
    writeFileSync(join(folder, "cpu.weight"), `${100 * PROCESSOR_WEIGHT}`);
  } else if (controllers.includes("cpu")) {
    writeFileSync(join(folder, "cpu.shares"), `${1024 * PROCESSOR_WEIGHT}`);
  } else if (controllers.includes("cpuset")) {
    for (const name of ["cpuset.cpus", "cpuset.mems"])
      writeFileSync(join(folder, name), readFileSync(join(path, name), "utf8"));
  }
}

function showKernelSettings(): void {
  mkdirSync("/run/kernel");
  for (const [name, value] of Object.entries(KERNEL_SETTINGS)) {
    const file = join("/run/kernel", name.replaceAll("/", "."));
    writeFileSync(file, `${value}\n`);
    mount("--bind", file, join("/proc/sys", name));
  }
}

function addNetwork(): void {
  const ip = (...args: readonly string[]) => run("ip", ...args);
  const prefix = ADDRESSES.pods.split("/")[1];
  ip("link", "set", "lo", "up");
  ip("address", "add", `${ADDRESSES.node}/32`, "dev", "lo");
  ip("link", "add", "cni0", "type", "bridge");
  ip("address", "add", `${ADDRESSES.bridge}/${prefix}`, "dev", "cni0");
  ip("link", "set", "cni0", "up");
  // The components require a default route. Packets on this route arrive nowhere.
  ip("route", "add", "default", "dev", "cni0");
  writeFileSync("/proc/sys/net/ipv4/ip_forward", "1");
}

function mount(...args: readonly string[]): void {
  // Without --no-mtab, mount could write to a table in /run. This table belongs to the machine, not to the node.
  run("mount", "--no-mtab", ...args);
}

function run(program: string, ...args: readonly string[]): void {
  execFileSync(program, args, { stdio: ["ignore", "ignore", "inherit"] });
}
