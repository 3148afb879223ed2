import { ToolError } from "shared/cli/tool-error";
import { type StoreOpener, storeOpener } from "../artifact/open-store.ts";
import type { TransferContext, TransferPlan } from "../artifact/transfer.ts";
import type { ArtifactStore } from "../oci/artifact-store.ts";
import { type AnyReference, parseReference, type Reference, ReferenceSyntaxError } from "../oci/reference.ts";

/** A store that may have an input. */
export interface InputSource {
  /** Opens the store. Throws at once if an earlier request showed that the registry cannot be reached. */
  open(): Promise<ArtifactStore>;
  /** Calls `act`. Remembers the failure if the call fails because the registry cannot be reached. */
  watch<T>(act: () => Promise<T>): Promise<T>;
}

/** The environment variables with credentials. These credentials are only for the registry on the command line. */
const CREDENTIALS = ["ORAS_USER", "ORAS_PULL_PASS", "ORAS_PUSH_PASS"] as const;

/**
 * Finds the stores of inputs. The reference of an input comes from an annotation. Anybody who can push an artifact can
 * write such an annotation. Therefore, only the registry of the artifact gets the credentials from the command line and
 * the environment. The options for TLS and plain HTTP, such as `--insecure`, apply to no other registry.
 */
export class InputStores {
  /**
   * Whether the tags of inputs can be looked up. False for an artifact in a layout: a tag in a layout does not name its
   * repository, so an equal tag can be from a different repository.
   */
  readonly knowsTags: boolean;
  readonly #artifact: AnyReference;
  readonly #own: StoreOpener;
  readonly #foreign: StoreOpener;
  readonly #opened = new Map<string, Promise<ArtifactStore>>();
  readonly #unreachable = new Map<string, ToolError>();

  constructor(artifact: AnyReference, plan: TransferPlan, context: TransferContext) {
    this.#artifact = artifact;
    this.knowsTags = !("layout" in artifact);
    this.#own = storeOpener(plan, context);
    this.#foreign = storeOpener(foreignPlan(plan), { ...context, env: foreignEnvironment(context.env) });
  }

  /** Opens the store of the artifact. */
  own(): Promise<ArtifactStore> {
    return this.#open(this.#artifact, this.#own);
  }

  /**
   * Lists the stores that may contain an input of the artifact. The artifact's own registry comes first. This registry
   * can contain the input even if the input's reference names a different address. For example, the same registry can
   * have a different address inside a cluster. If the artifact is in a layout, its inputs are in the same layout.
   */
  sourcesOf(input: Reference): readonly InputSource[] {
    const artifact = this.#artifact;
    if ("layout" in artifact) return [this.#source("", artifact, this.#own)];
    const here = { ...input, registry: artifact.registry };
    const first = this.#source(here.registry, here, this.#own);
    return input.registry === artifact.registry ? [first] : [first, this.#source(input.registry, input, this.#foreign)];
  }

  #source(registry: string, reference: AnyReference, opener: StoreOpener): InputSource {
    return {
      open: async () => {
        const failure = this.#unreachable.get(registry);
        if (failure !== undefined) throw failure;
        return this.#open(reference, opener);
      },
      watch: async (act) => {
        try {
          return await act();
        } catch (error) {
          if (error instanceof ToolError && error.code === "unavailable") this.#unreachable.set(registry, error);
          throw error;
        }
      },
    };
  }

  #open(reference: AnyReference, opener: StoreOpener): Promise<ArtifactStore> {
    const key = "layout" in reference ? reference.layout : `${reference.registry}/${reference.repository}`;
    const opened = this.#opened.get(key) ?? opener.open(reference, "pull");
    this.#opened.set(key, opened);
    return opened;
  }
}

/** Parses the reference of an input from an annotation. Throws `registry` if the reference is invalid. */
export function parseInput(text: string): Reference {
  try {
    return parseReference(text);
  } catch (error) {
    if (!(error instanceof ReferenceSyntaxError)) throw error;
    throw new ToolError("registry", "the reference of the input is invalid", { why: error.message });
  }
}

function foreignPlan(plan: TransferPlan): TransferPlan {
  const none = undefined;
  return { ...plan, plainHttp: none, insecure: false, ca: none, cert: none, key: none, username: none, password: none };
}

function foreignEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const names: readonly string[] = CREDENTIALS;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)));
}
