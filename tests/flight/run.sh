#!/bin/sh
# Asks a server through the ADBC driver for Flight SQL.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
home=$("$here/../../scripts/python-env" flight "$here/requirements.txt")
exec "$home/bin/python" "$here/ask.py"
