#!/bin/sh
# Builds the program into target/sdk/go, then sends.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
home="${CARGO_TARGET_DIR:-$here/../../../target}/sdk/go"
mkdir -p "$home"
(cd "$here" && go build -o "$home/send" .) >&2
exec "$home/send"
