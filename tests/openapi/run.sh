#!/bin/sh
# Runs schemathesis on a server: run.sh DESCRIPTION OPTION…
set -eu
here=$(cd "$(dirname "$0")" && pwd)
home=$("$here/../../scripts/python-env" openapi "$here/requirements.txt")
# The same requests in every run. Requests that break the description may still be understood, so that is not asked for.
cd "$home"
exec "$home/bin/schemathesis" run "$@" --seed 1 --generation-database none --no-color --request-timeout 60 --phases fuzzing,coverage,examples \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance
