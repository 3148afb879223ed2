/** Replaces `cliui` and `string-width`, which yargs imports for its own help texts. */
export default function unusedLayout(): never {
  throw new Error("the tools do not use the help texts of yargs");
}
