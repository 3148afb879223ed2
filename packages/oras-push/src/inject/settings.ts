/** How the tools reach the application's container: from a volume with their image, or by an init container. */
export type Delivery = "image-volume" | "install";

/** What injection adds besides the values of the annotations. */
export interface InjectionSettings {
  /** The image of the tools. The annotations `oras-container` and `image` override it. */
  readonly image: string;
  /** `image-volume` needs Kubernetes 1.36, and a runtime that allows execution from such a volume. */
  readonly delivery: Delivery;
}
