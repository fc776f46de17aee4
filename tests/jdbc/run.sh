#!/bin/sh
# Asks a Clew that has spans through Apache Arrow's JDBC driver for Flight SQL: tests/jdbc/run.sh URL
# such as 'jdbc:arrow-flight-sql://localhost:16685?useEncryption=false'. Needs Java 17 and Maven, which brings the driver.
set -eu
[ $# -eq 1 ] || { echo "usage: $0 JDBC_URL" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
version=18.3.0
home="${CARGO_TARGET_DIR:-$here/../../target}/jdbc"
driver="$home/flight-sql-jdbc-driver-$version.jar"
[ -f "$driver" ] || mvn --quiet --batch-mode org.apache.maven.plugins:maven-dependency-plugin:3.9.0:copy \
    -Dartifact="org.apache.arrow:flight-sql-jdbc-driver:$version" -DoutputDirectory="$home" >&2
exec java --add-opens=java.base/java.nio=ALL-UNNAMED -cp "$driver" "$here/Ask.java" "$1" 2>&1
