#!/bin/sh
# Installs schemathesis into target/openapi once per requirements.txt, then runs it on a server: run.sh DESCRIPTION OPTION…
set -eu
here=$(cd "$(dirname "$0")" && pwd)
home="${CARGO_TARGET_DIR:-$here/../../target}/openapi"
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
# The same requests in every run. Requests that break the description may still be understood, so that is not asked for.
cd "$home"
exec "$home/bin/schemathesis" run "$@" --seed 1 --generation-database none --no-color --request-timeout 60 --phases fuzzing,coverage,examples \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance
