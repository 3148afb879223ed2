import { readdirSync, readFileSync } from "node:fs";

/**
 * Kills those processes of a pod whose command line matches `pattern`. Uses SIGKILL. `uid` is the pod's ID in
 * Kubernetes. Returns the number of matching processes. The processes have other process IDs on this machine than
 * inside the node, so this function finds them by their cgroup.
 */
export function killInPod(uid: string, pattern: RegExp): number {
  const matching = processesOf(uid).filter(({ command }) => pattern.test(command));
  for (const { pid } of matching) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      // The process ended in the meantime.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
  return matching.length;
}

function processesOf(uid: string): { readonly pid: number; readonly command: string }[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        if (!readFileSync(`/proc/${name}/cgroup`, "utf8").includes(uid)) return [];
        return { pid: Number(name), command: readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ") };
      } catch {
        return [];
      }
    });
}
