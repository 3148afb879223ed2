import type { Note } from "shared/cli/usage";

/** The form of a reference, and the use of environment variables in a reference. */
export const REFERENCES_NOTE: Note = {
  title: "References",
  text: [
    "A REFERENCE is REGISTRY/REPOSITORY:TAG. In a REFERENCE, {NAME} is replaced by the value of the environment",
    "variable NAME, as in localhost:5000/run:{JOB_COMPLETION_INDEX}.",
  ].join(" "),
};

/** The patterns of `--include` and `--exclude`. */
export const PATTERNS_NOTE: Note = {
  title: "Patterns",
  text: [
    "A PATTERN can contain *, **, ?, [a-z] and {a,b}. A pattern that contains a slash is matched against the path",
    "below the folder. Any other pattern is matched against the name at any depth. A pattern that matches a folder",
    "also selects the content of the folder. If both options match an entry, the entry is skipped. A name with a",
    "leading dot matches only if the pattern contains the dot.",
  ].join(" "),
};

/** The sources of credentials. */
export const CREDENTIALS_NOTE: Note = {
  title: "Credentials",
  text: [
    "The tools look for credentials in this order: --username with --password-stdin; ORAS_USER with ORAS_PUSH_PASS or",
    "ORAS_PULL_PASS; a docker config. By default, the docker config is in $DOCKER_CONFIG or ~/.docker. To use a",
    "different docker config, set --registry-config. A mounted file .dockerconfigjson is also a docker config. No",
    "option accepts a password, because other processes can read command lines.",
  ].join(" "),
};

/** The settings for proxies and certificates. */
export const CONNECTIONS_NOTE: Note = {
  title: "Proxies and certificates",
  text: [
    "HTTPS_PROXY, HTTP_PROXY and NO_PROXY set the proxies. The tools trust the certificate authorities of the system,",
    "and some built-in certificate authorities. To read the system's authorities from different paths, set",
    "SSL_CERT_FILE and SSL_CERT_DIR. If you set --ca-file, the tools trust only the authority in that file.",
  ].join(" "),
};
