#!/bin/sh
# Builds dist/onhook-*-cp311-abi3-manylinux*.whl: one wheel for every Python from 3.11 on, and for every
# x86-64 Linux with glibc 2.17 or newer. The compiler comes from the package index (ziglang). OpenSSL's
# libcrypto, of Debian's source package, is in it.
set -eu
cd "$(dirname "$0")/.."
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
.venv/bin/python -m venv "$tools/venv"
"$tools/venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
    -r requirements-wheel.lock
"$tools/venv/bin/python" scripts/build_site.py
cp -rL pyproject.toml setup.py requirements.lock README.md LICENSE LICENSES src scripts "$tools/"
target="$(uname -m)-linux-gnu.2.17"
zig="$tools/venv/bin/python -m ziglang cc -target $target"
CC=$zig scripts/build_libcrypto.sh "$tools/libcrypto"
find "$tools/src" -name '*.so' -o -name '_plane.c' | xargs rm -f
(
    cd "$tools"
    CC=$zig LDSHARED="$zig -shared" ONHOOK_LIBCRYPTO="$tools/libcrypto" \
        venv/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps \
        --no-build-isolation --wheel-dir raw .
    PATH="$tools/venv/bin:$PATH" venv/bin/python -m auditwheel repair --wheel-dir ready raw/*.whl
)
mkdir -p dist
cp "$tools"/ready/*.whl dist/
ls dist/*.whl
