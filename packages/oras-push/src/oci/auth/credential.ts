/** A secret that a registry or its token server accepts. */
export type Credential =
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  /** A refresh token (docker's `identitytoken`), exchanged for access tokens. */
  | { readonly kind: "refresh"; readonly token: string }
  /** An access token (docker's `registrytoken`), sent unchanged. */
  | { readonly kind: "bearer"; readonly token: string };

/** Finds the credential of a registry; undefined if there is none. */
export type CredentialSource = (registry: string) => Promise<Credential | undefined>;
