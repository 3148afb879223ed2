/** A secret that a registry or its token server accepts. */
export type Credential =
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  /** A refresh token (docker's `identitytoken`). A token server exchanges a refresh token for access tokens. */
  | { readonly kind: "refresh"; readonly token: string }
  /** An access token (docker's `registrytoken`). Requests contain this token unchanged. */
  | { readonly kind: "bearer"; readonly token: string };

/** Finds the credential for a registry. Returns undefined if there is no credential. */
export type CredentialSource = (registry: string) => Promise<Credential | undefined>;
