#!/bin/sh
# Installs the SDK into target/sdk/node once per package-lock.json, then sends; with `sample` as first argument, runs sample.js instead.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
home="${CARGO_TARGET_DIR:-$here/../../../target}/sdk/node"
if ! cmp -s "$here/package-lock.json" "$home/installed.json"; then
    mkdir -p "$home"
    cp "$here/package.json" "$here/package-lock.json" "$home/"
    (cd "$home" && npm ci --no-audit --no-fund --loglevel=error) >&2
    cp "$here/package-lock.json" "$home/installed.json"
fi
program=send
if [ "${1:-}" = sample ]; then
    program=sample
    shift
fi
cp "$here/$program.js" "$home/$program.js"
exec node "$home/$program.js" "$@"
