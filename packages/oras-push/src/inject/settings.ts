/**
 * How the application's container gets the tools: from a volume with the image of the tools, or from an init container
 * that installs the tools.
 */
export type Delivery = "image-volume" | "install";

/** The settings of injection that are not in the annotations of a pod. */
export interface InjectionSettings {
  /** The image of the tools. The annotations `oras-container` and `image` override it. */
  readonly image: string;
  /** `image-volume` needs Kubernetes 1.36, and a container runtime that allows execution from an image volume. */
  readonly delivery: Delivery;
}
