#!/bin/sh
# Fetches the SDK into target/sdk/java once per pom.xml, then sends.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
home="${CARGO_TARGET_DIR:-$here/../../../target}/sdk/java"
if ! cmp -s "$here/pom.xml" "$home/pom.xml"; then
    rm -rf "$home"
    mkdir -p "$home"
    mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$home/lib" >&2
    cp "$here/pom.xml" "$home/pom.xml"
fi
exec java -Dfile.encoding=UTF-8 -cp "$home/lib/*" "$here/Send.java"
