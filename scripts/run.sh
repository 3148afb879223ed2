#!/bin/sh
# Runs a script of this project with the version of Node that the lockfile pins. Installs the Debian packages that the
# script needs: as root, on Debian. Names all missing packages at once for any other user.
set -e
missing=
node --version >/dev/null 2>&1 || missing="$missing libatomic1"
command -v strip >/dev/null || missing="$missing binutils"
command -v patchelf >/dev/null || missing="$missing patchelf"
if [ -n "$missing" ]; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "missing Debian packages:$missing" >&2
    echo "hint: run as root: apt-get install$missing" >&2
    exit 69
  fi
  echo "installing$missing" >&2
  # shellcheck disable=SC2086 # one word for each package
  install() { DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null; }
  install || { apt-get update -qq && install; }
fi
exec node "$@"
