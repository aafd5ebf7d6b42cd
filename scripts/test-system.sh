#!/usr/bin/env bash
# The Debian packages that tests drive: a browser, and a PostgreSQL server. Installed only where they are missing.
set -eu
missing=()
command -v chromium >/dev/null || missing+=(chromium)
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing+=(postgresql)
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "Tests that need ${missing[*]} will be skipped: install them to run all." >&2
  exit 0
fi
echo "Installing ${missing[*]} for the tests ..."
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
