#!/bin/sh
# Builds the service with the JDK alone: build.sh OUT [GOLDEN]
#   OUT      directory for the classes and for rules.jar
#   GOLDEN   golden vectors (tests/golden/rules.json); when given, the unit tests are built and run too
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$1
golden=${2:-}

mkdir -p "$out/classes"
find "$here/src" -name '*.java' -exec javac --release 17 -encoding UTF-8 -Xlint:all -Werror -d "$out/classes" {} +
jar --create --file "$out/rules.jar" --main-class lab.rules.App -C "$out/classes" .

if [ -n "$golden" ]; then
    mkdir -p "$out/test-classes"
    find "$here/test" -name '*.java' -exec javac --release 17 -encoding UTF-8 -Xlint:all -Werror \
        -cp "$out/classes" -d "$out/test-classes" {} +
    java -cp "$out/classes:$out/test-classes" lab.rules.AllTests "$golden"
fi
