#!/bin/sh
# Installs DuckDB into target/duckdb once per requirements.txt, then runs the oracle: run.sh STATEMENTS SEGMENTS
set -eu
here=$(cd "$(dirname "$0")" && pwd)
home="${CARGO_TARGET_DIR:-$here/../../../target}/duckdb"
if ! cmp -s "$here/requirements.txt" "$home/requirements.txt"; then
    rm -rf "$home"
    python3 -m venv "$home" >&2
    "$home/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
    cp "$here/requirements.txt" "$home/requirements.txt"
fi
exec "$home/bin/python" "$here/oracle.py" "$@"
