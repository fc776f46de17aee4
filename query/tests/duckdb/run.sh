#!/bin/sh
# Runs the oracle, DuckDB: run.sh STATEMENTS SEGMENTS
set -eu
here=$(cd "$(dirname "$0")" && pwd)
home=$("$here/../../../scripts/python-env" duckdb "$here/requirements.txt")
exec "$home/bin/python" "$here/oracle.py" "$@"
