import type { RunningProcess } from "../../support/tools.ts";

/** The time limit for expected output, in milliseconds. */
const TIMEOUT = 30_000;

/** The output that a test expects from a process. */
export interface ExpectedStdout {
  /**
   * Waits until `wanted` accepts the stdout so far, and returns this stdout. Rejects if the process ends first, or
   * after 30 seconds.
   */
  until(wanted: (stdout: string) => boolean): Promise<string>;
}

/** Reads the stdout of a process that has just started. */
export function expectStdout({ child }: RunningProcess): ExpectedStdout {
  let text = "";
  let check = () => {};
  let fail = () => {};
  child.once("close", () => fail());
  child.stdout?.on("data", (chunk: string) => {
    text += chunk;
    check();
  });
  const until: ExpectedStdout["until"] = (wanted) =>
    new Promise((resolve, reject) => {
      fail = () => reject(new Error(`unexpected stdout: ${JSON.stringify(text)}`));
      const timer = setTimeout(fail, TIMEOUT);
      check = () => {
        if (!wanted(text)) return;
        clearTimeout(timer);
        check = () => {};
        resolve(text);
      };
      check();
    });
  return { until };
}
