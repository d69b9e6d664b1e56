#!/bin/sh
# Builds OpenSSL's libcrypto as a static library, of Debian's source package, by the compiler in CC, for this machine's
# architecture or another: scripts/build_libcrypto.sh FOLDER [ARCHITECTURE] leaves FOLDER/include and FOLDER/libcrypto.a, with no more in it than AES, SHA
# and what they stand on. For the wheel: whoever installs it may have another OpenSSL, or none.
set -eu
into=$1 architecture=${2:-$(uname -m)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/parts" "$work/lists/partial" "$into/include"
# The same mirrors as the system's, asked for sources; the system's own lists stay as they are.
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
    [ -f "$file" ] || continue
    sed -E 's/^deb /deb-src /; s/^Types:.*/Types: deb-src/' "$file" > "$work/parts/$(basename "$file")"
done
apt() {
    command=$1; shift
    "apt-$command" -q -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$work/parts" \
        -o Dir::State::lists="$work/lists" -o APT::Sandbox::User=root "$@"
}
apt get update >/dev/null
(
    cd "$work"
    for version in $(apt cache showsrc openssl | sed -n 's/^Version: //p' | sort -rVu); do
        apt get source "openssl=$version" >/dev/null 2>&1 && break  # dpkg-dev unpacks it, with Debian's patches
    done
    cd openssl-*/
    ./Configure "linux-$architecture" no-shared no-dso no-module no-engine no-legacy no-tests no-ssl no-tls no-dtls \
        no-autoload-config no-async no-sock no-ui-console no-comp no-cms no-ct no-ocsp no-ts no-cmp no-srp no-psk \
        no-ec no-dh no-dsa no-des no-idea no-camellia no-seed no-aria no-bf no-cast no-rc2 no-rc4 no-md4 no-mdc2 \
        no-whirlpool no-rmd160 no-sm2 no-sm3 no-sm4 no-siphash no-siv no-gost no-scrypt no-blake2 no-chacha \
        no-poly1305 no-rfc3779 no-ocb -fvisibility=hidden >/dev/null
    make -s -j"$(nproc)" build_generated >/dev/null
    make -s -j"$(nproc)" libcrypto.a >/dev/null
    cp -r include/openssl "$into/include/"
    cp libcrypto.a "$into/"
)
