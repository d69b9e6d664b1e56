#!/bin/sh
# Builds dist/onhook-*-cp311-abi3-manylinux*.whl: one wheel for every Python from 3.11 on, and for every
# Linux of this machine's architecture, or of another (scripts/build_wheel.sh aarch64), with glibc 2.17 or newer.
# The compiler comes from the package index (ziglang). OpenSSL's libcrypto, of Debian's source package, is in it.
set -eu
architecture=${1:-$(uname -m)}
cd "$(dirname "$0")/.."
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
.venv/bin/python -m venv "$tools/venv"
"$tools/venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
    -r requirements-wheel.lock
"$tools/venv/bin/python" scripts/build_site.py
cp -rL pyproject.toml setup.py requirements.lock requirements-wheel.lock README.md LICENSE LICENSES src scripts "$tools/"
zig="$tools/venv/bin/python -m ziglang"
cc="$zig cc -target $architecture-linux-gnu.2.17" cflags=
if [ "$architecture" != "$(uname -m)" ]; then
    export AR="$zig ar" RANLIB="$zig ranlib"
    # Debian's Python.h asks for a header of the architecture, which says the same for each of 64 bits.
    mkdir "$tools/headers"
    ln -s "/usr/include/$(uname -m)-linux-gnu" "$tools/headers/$architecture-linux-gnu"
    cflags="-I$tools/headers"
fi
CC=$cc scripts/build_libcrypto.sh "$tools/libcrypto" "$architecture"
find "$tools/src" -name '*.so' -o -name '_plane.c' | xargs rm -f
(
    cd "$tools"
    CC=$cc LDSHARED="$cc -shared" CFLAGS="$cflags" ONHOOK_LIBCRYPTO="$tools/libcrypto" \
        _PYTHON_HOST_PLATFORM="linux-$architecture" \
        venv/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps \
        --no-build-isolation --wheel-dir raw .
    PATH="$tools/venv/bin:$PATH" venv/bin/python -m auditwheel repair --wheel-dir ready raw/*.whl
)
mkdir -p dist
cp "$tools"/ready/*.whl dist/
ls dist/*.whl
