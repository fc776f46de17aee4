#!/bin/sh
# Sends spans with the OpenTelemetry SDK for Python.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
home=$("$here/../../../scripts/python-env" sdk/python "$here/requirements.txt")
exec "$home/bin/python" "$here/send.py"
