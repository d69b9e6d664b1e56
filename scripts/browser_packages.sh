#!/bin/sh
# Renews what the console has of others, from the npm registry by package name: htmx and uPlot. Nothing is built of
# it, and a server never asks for it. Usage: scripts/browser_packages.sh [VERSION OF HTMX [VERSION OF UPLOT]]
set -eu
cd "$(dirname "$0")/.."
static=$PWD/src/onhook/console/static
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# package version licence published-file our-name
take() {
    rm -rf package ./*.tgz
    npm pack --silent "$1@$2" >/dev/null
    tar xzf ./*.tgz
    cp "package/$4" "$static/$5"
    cp package/LICENSE "$static/${5%%.*}.LICENSE.txt"
    version=$(sed -n 's/^ *"version": "\(.*\)",$/\1/p' package/package.json)
    sum=$(sha256sum "package/$4" | cut -d' ' -f1)
    printf '"%s": {"version": "%s", "licence": "%s", "file": "%s", "sha256": "%s"}' "$1" "$version" "$3" "$5" "$sum"
}

htmx=$(take htmx.org "${1:-2}" 0BSD dist/htmx.min.js htmx.min.js)
uplot=$(take uplot "${2:-1}" MIT dist/uPlot.iife.min.js uplot.js && cp package/dist/uPlot.min.css "$static/uplot.css")
printf '{%s, %s}\n' "$htmx" "$uplot" >"$static/packages.json"
cat "$static/packages.json"
