import { createTwoFilesPatch, FILE_HEADERS_ONLY } from "diff";
import { ToolError } from "shared/cli/tool-error";
import { injectObject, type ReadImageCommand } from "./inject-object.ts";
import { parseManifestFile } from "./manifest-file.ts";
import type { InjectionSettings } from "./settings.ts";

/** A manifest: the name and the content of a file. */
export interface ManifestText {
  readonly name: string;
  readonly text: string;
}

/** The result of an injection into manifests. */
export interface InjectedManifests {
  /** The content of all files after the changes, joined into one text. */
  readonly text: string;
  /** The changes in the format of `diff -u`. The text is empty if there are no changes. */
  readonly difference: string;
  readonly warnings: readonly string[];
}

/**
 * Injects all annotated pods of manifests. Throws `usage` if a file is invalid, or if a pod cannot be injected. Throws
 * each error that `readCommand` throws.
 */
export async function injectManifests(
  files: readonly ManifestText[],
  settings: InjectionSettings,
  readCommand: ReadImageCommand,
): Promise<InjectedManifests> {
  const results: InjectedFile[] = [];
  for (const file of files) results.push(await injectFile(file, settings, readCommand));
  const [refusal, ...others] = results.flatMap(({ refusals }) => refusals);
  if (refusal !== undefined) throw refusedPod(refusal, others);
  return {
    text: joinFiles(results.map(({ text }) => text)),
    difference: results.map(({ difference }) => difference).join(""),
    warnings: results.flatMap(({ warnings }) => warnings),
  };
}

interface InjectedFile extends InjectedManifests {
  readonly refusals: readonly string[];
}

async function injectFile(
  { name, text }: ManifestText,
  settings: InjectionSettings,
  readCommand: ReadImageCommand,
): Promise<InjectedFile> {
  const parts = { text: "", before: "", after: "" };
  const warnings: string[] = [];
  const refusals: string[] = [];
  for (const document of parseManifestFile(name, text)) {
    const result = await injectObject(document.object, settings, readCommand);
    const patched = document.patched(result.patch);
    parts.text += patched;
    // If the patch changes a document, `patched` also reformats the document. In this case, `before` gets the original
    // document in the same format. Therefore, the difference shows only real changes.
    const unchanged = result.patch.length === 0;
    parts.before += unchanged ? patched : document.formatted();
    parts.after += patched;
    warnings.push(...result.warnings.map((warning) => `${name}: ${warning}`));
    refusals.push(...result.refusals.map((why) => `${name}: ${why}`));
  }
  return { text: parts.text, difference: differenceOf(name, parts.before, parts.after), warnings, refusals };
}

function differenceOf(name: string, before: string, after: string): string {
  if (before === after) return "";
  return createTwoFilesPatch(name, name, before, after, undefined, undefined, {
    context: 3,
    headerOptions: FILE_HEADERS_ONLY,
  });
}

function refusedPod(refusal: string, others: readonly string[]): ToolError {
  const more = others.length === 0 ? {} : { hint: `more pods cannot be injected: ${others.join("; ")}` };
  return new ToolError("usage", `cannot inject ${refusal}`, more);
}

/** Joins the texts of files. Each file except the first starts with a separator. */
function joinFiles(texts: readonly string[]): string {
  return texts.reduce((all, text) => {
    if (all === "") return text;
    return `${all.endsWith("\n") ? all : `${all}\n`}${text.startsWith("---") ? "" : "---\n"}${text}`;
  }, "");
}
