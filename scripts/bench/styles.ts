/** The look of a tool in every plot: the color of its bars and lines, and the marker of its points. */
export interface Style {
  readonly color: string;
  /** SVG path data of a shape of about 10 pixels around the origin. */
  readonly marker: string;
}

const OURS: Style = { color: "#0072B2", marker: "M-4 0A4 4 0 1 0 4 0A4 4 0 1 0 -4 0Z" };

/** Maps the start of each tool's command line to the tool's style. The colors are safe for color-blind readers. */
export const STYLES: Readonly<Record<string, Style>> = {
  "oras-push": OURS,
  launcher: OURS,
  "wait-fs": OURS,
  oras: { color: "#E69F00", marker: "M-4 -4H4V4H-4Z" },
  pigz: { color: "#009E73", marker: "M0 -5L5 4H-5Z" },
  gzip: { color: "#CC79A7", marker: "M0 -5.5L5 0L0 5.5L-5 0Z" },
  curl: { color: "#56B4E9", marker: "M0 5L5 -4H-5Z" },
  openssl: { color: "#7A4B00", marker: "M-1.5 -5.5H1.5V5.5H-1.5Z" },
  node: { color: "#000000", marker: "M-5.5 -1.5H5.5V1.5H-5.5Z" },
  zstd: { color: "#5A5A5A", marker: "M-1.5 -5H1.5V-1.5H5V1.5H1.5V5H-1.5V1.5H-5V-1.5H-1.5Z" },
  "ORAS Operator": { color: "#D55E00", marker: "M-5 -4L0 -1L5 -4V4H-5Z" },
};

/**
 * Returns the tool of a contestant: `oras` for `oras push, 8 at a time`, `pigz` for `tar | pigz -6`. Throws if the
 * table of styles does not contain the tool.
 */
export function toolOf(contestant: string): string {
  const command = `${contestant.replace(/^tar \| /, "").replace(/,.*$/, "")} `;
  const tool = Object.keys(STYLES).find((name) => command.startsWith(`${name} `));
  if (tool === undefined)
    throw new Error(`no style for the contestant ${contestant}: expected ${Object.keys(STYLES).join(", ")}`);
  return tool;
}

/** Returns the style of a contestant's tool. Throws if the table of styles does not contain the tool. */
export function styleOf(contestant: string): Style {
  return STYLES[toolOf(contestant)] as Style;
}

/** Whether a contestant is one of the tools of this repository. */
export function isOurs(contestant: string): boolean {
  return styleOf(contestant) === OURS;
}
