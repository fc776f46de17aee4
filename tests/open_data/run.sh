#!/bin/sh
# Reads segments with tools that know nothing of Clew: run.sh DIRECTORY KEY…
set -eu
here=$(cd "$(dirname "$0")" && pwd)
home=$("$here/../../scripts/python-env" open_data "$here/requirements.txt")
exec "$home/bin/python" "$here/read.py" "$@"
