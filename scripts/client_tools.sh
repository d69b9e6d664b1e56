#!/bin/sh
# Installs what makes API clients of /openapi.json, and what those clients run on, into build/clients: run by
# `make slow`. Java and Node.js come from the package index too, so nothing else has to be there.
set -eu
cd "$(dirname "$0")/.."
tools=build/clients
[ $tools/installed -nt requirements-clients.lock ] \
    && [ $tools/installed -nt tests/clients/package-lock.json ] && exit 0

echo "Installing the makers of clients into $tools …"
rm -rf $tools
.venv/bin/python -m venv $tools/venv
$tools/venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes \
    -r requirements-clients.lock
cp tests/clients/package.json tests/clients/package-lock.json $tools/
PATH="$PWD/$tools/venv/bin:$PATH" npm ci --prefix $tools --silent --no-audit --no-fund --ignore-scripts
touch $tools/installed
