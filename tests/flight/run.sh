#!/bin/sh
# Installs the ADBC driver for Flight SQL into target/flight once per requirements.txt, then asks a server through it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
home="${CARGO_TARGET_DIR:-$here/../../target}/flight"
# Tests run side by side; one installs, the others wait.
mkdir -p "$(dirname "$home")"
exec 9>"$home.lock"
flock 9
if ! cmp -s "$here/requirements.txt" "$home/requirements.txt"; then
    rm -rf "$home"
    python3 -m venv "$home" >&2
    "$home/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
    cp "$here/requirements.txt" "$home/requirements.txt"
fi
flock -u 9
exec "$home/bin/python" "$here/ask.py"
