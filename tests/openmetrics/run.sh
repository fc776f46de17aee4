#!/bin/sh
# Reads metrics as Prometheus' own parsers do: run.sh URL
set -eu
here=$(cd "$(dirname "$0")" && pwd)
home=$("$here/../../scripts/python-env" openmetrics "$here/requirements.txt")
exec "$home/bin/python" "$here/read.py" "$@"
