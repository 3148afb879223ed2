#!/bin/sh
# Runs a script of this project with the version of Node that the lockfile pins.
# This Node needs libatomic. If it is missing, this script installs it: as root, on Debian.
set -e
if ! node --version >/dev/null 2>&1 && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing libatomic1" >&2
  { apt-get install -y -qq libatomic1 || { apt-get update -qq && apt-get install -y -qq libatomic1; }; } >/dev/null
fi
exec node "$@"
