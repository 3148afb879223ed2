import type { Running } from "../../support/tools.ts";

/** How long something is waited for that must come, in milliseconds. */
const PATIENCE = 30_000;

/** What a process writes to stdout, to wait for. */
export interface Expected {
  /** Waits until what was written so far is as wanted, and gives it; rejects when it ends first, or after half a minute. */
  until(wanted: (stdout: string) => boolean): Promise<string>;
}

/** Reads along with what a process that was just started writes to stdout. */
export function expectStdout({ child }: Running): Expected {
  let text = "";
  let look = () => {};
  let miss = () => {};
  child.once("close", () => miss());
  child.stdout?.on("data", (chunk: string) => {
    text += chunk;
    look();
  });
  return {
    until: (wanted) =>
      new Promise((resolve, reject) => {
        miss = () => reject(new Error(`not what was wanted: ${JSON.stringify(text)}`));
        const late = setTimeout(miss, PATIENCE);
        look = () => {
          if (!wanted(text)) return;
          clearTimeout(late);
          look = () => {};
          resolve(text);
        };
        look();
      }),
  };
}
