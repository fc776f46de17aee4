#!/usr/bin/env bash
# Walks through a built Jaeger UI in a browser, with a fresh Clew as its server: tests/jaeger-ui/run.sh DIST [SCREENSHOTS]
# DIST is `packages/jaeger-ui/build` of a checkout of jaeger-ui. CLEW_TEST_BINARY is the server, target/debug/clew unless set; its
# settings may be given as variables, such as CLEW_STORAGE_EPOCH_AGE=1s to have spans read from segments.
set -euo pipefail
[ $# -ge 1 ] && [ -f "$1/index.html" ] || { echo "usage: $0 FOLDER_OF_A_BUILT_JAEGER_UI [FOLDER_FOR_SCREENSHOTS]" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
dist=$(cd "$1" && pwd)
work=$(mktemp -d)
screenshots=${2:-$work/screenshots}
clew=${CLEW_TEST_BINARY:-${CARGO_TARGET_DIR:-$here/../../target}/debug/clew}
[ -d "$here/../../ui/web/node_modules" ] || { echo "run \`npm ci\` in ui/web first" >&2; exit 1; }

server=
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$server" ] || wait "$server" 2>/dev/null || true
    rm -rf "$work/data"
}
trap finish EXIT

CLEW_PORTS_OTLP_GRPC=0 CLEW_PORTS_OTLP_HTTP=0 CLEW_PORTS_ZIPKIN=0 CLEW_PORTS_HTTP=0 CLEW_PORTS_GRPC=0 CLEW_PORTS_SAMPLING=0 \
    "$clew" serve --print-addresses --data-dir "$work/data" >"$work/addresses" 2>"$work/log" &
server=$!
for _ in $(seq 300); do
    [ -s "$work/addresses" ] && break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
done
[ -s "$work/addresses" ] || { echo "the server did not start:" >&2; cat "$work/log" >&2; exit 1; }

address() { sed -E "s/.*\"$1\":\"([^\"]+)\".*/\1/" "$work/addresses" | head -1; }
export CLEW_URL="http://$(address http)" CLEW_ZIPKIN_URL="http://$(address zipkin)" CLEW_OTLP_URL="http://$(address otlp_http)"
echo "screenshots go to $screenshots"
node "$here/walk.mjs" "$dist" "$screenshots"
