import type { Note } from "shared/cli/usage";

/** How environment variables become part of a reference. */
export const REFERENCES_NOTE: Note = {
  title: "References",
  text: [
    "A REFERENCE is REGISTRY/REPOSITORY:TAG. {NAME} in it is replaced by the environment variable NAME, as in",
    "localhost:5000/run:{JOB_COMPLETION_INDEX}.",
  ].join(" "),
};

/** The patterns of `--include` and `--exclude`. */
export const PATTERNS_NOTE: Note = {
  title: "Patterns",
  text: [
    "A PATTERN can contain *, **, ?, [a-z] and {a,b}. A pattern that contains a slash is matched against the path",
    "below the folder. Any other pattern is matched against the name at any depth. A pattern that matches a folder",
    "also selects its content. --exclude overrides --include. A name with a leading dot matches only if the pattern",
    "contains the dot.",
  ].join(" "),
};

/** Where credentials come from. */
export const CREDENTIALS_NOTE: Note = {
  title: "Credentials",
  text: [
    "Credentials come from --username with --password-stdin, else from ORAS_USER with ORAS_PUSH_PASS or ORAS_PULL_PASS, else",
    "from a docker config: --registry-config, $DOCKER_CONFIG or ~/.docker. A mounted .dockerconfigjson works too. No option",
    "takes a password, because other processes can read command lines.",
  ].join(" "),
};

/** How connections are made. */
export const CONNECTIONS_NOTE: Note = {
  title: "Proxies and certificates",
  text: [
    "HTTPS_PROXY, HTTP_PROXY and NO_PROXY set the proxies. The tools trust the certificate authorities of the system",
    "(SSL_CERT_FILE, SSL_CERT_DIR, else the usual paths) and built-in ones. If you set --ca-file, the tools trust only",
    "the authority in that file.",
  ].join(" "),
};
