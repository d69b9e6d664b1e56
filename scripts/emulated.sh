#!/bin/sh
# Makes FOLDER/python, a Python for 64-bit ARM that runs on this machine under qemu's emulation, with a wheel of Onhook
# and its dependencies: scripts/emulated.sh WHEEL FOLDER. Debian's packages are unpacked there, and none is installed.
set -eu
cd "$(dirname "$0")/.."
wheel=$1 into=$2
mkdir -p "$into/lists/partial" "$into/cache/archives/partial" "$into/debs" "$into/root"
: >"$into/status"
apt() {
    command=$1; shift
    "apt-$command" -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State::lists="$into/lists" \
        -o Dir::State::status="$into/status" -o Dir::Cache="$into/cache" -o APT::Sandbox::User=root "$@"
}
apt get update >/dev/null
needed=$(apt cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
    --no-enhances python3 libstdc++6 | grep '^[a-z]' | sort -u)
(
    cd "$into/debs"
    apt get download $needed >/dev/null
    apt-get -q -o APT::Sandbox::User=root download qemu-user-static >/dev/null
    for each in *.deb; do dpkg -x "$each" "$into/root"; done
)
# Itself is what it starts others by, so they are emulated too.
cat >"$into/python" <<END
#!/bin/sh
exec "$into/root/usr/bin/qemu-aarch64-static" -L "$into/root" -0 "\$0" "$into/root/usr/bin/python3" "\$@"
END
chmod +x "$into/python"
version=$("$into/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
platforms=$(for glibc in 17 24 26 27 28 31 34 35 36; do echo "--platform manylinux_2_${glibc}_aarch64"; done)
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --target "$into/site" \
    --only-binary=:all: $platforms --platform manylinux2014_aarch64 --platform any --python-version "$version" \
    --implementation cp --abi "cp$(echo "$version" | tr -d .)" --abi abi3 --abi none --require-hashes -r requirements.lock
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --target "$into/site" \
    --only-binary=:all: --platform manylinux2014_aarch64 --python-version "$version" --abi abi3 "$wheel"
packages=$into/root/usr/local/lib/python$version/dist-packages
mkdir -p "$packages"
echo "$into/site" >"$packages/onhook.pth"
# Bytecode is made once: by an emulated compiler it takes longer than a server may take to start.
(cd / && PYTHONDONTWRITEBYTECODE= "$into/python" -c 'import onhook.cli.main, onhook.server.switch, onhook.server.supervisor.supervisor')
