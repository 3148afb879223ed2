#!/bin/sh
# Runs a script of this project with the Node that the lockfile pins.
# That Node needs libatomic, which slim systems lack: as root on Debian it is installed.
set -e
if ! node --version >/dev/null 2>&1 && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing libatomic1" >&2
  { apt-get install -y -qq libatomic1 || { apt-get update -qq && apt-get install -y -qq libatomic1; }; } >/dev/null
fi
exec node "$@"
