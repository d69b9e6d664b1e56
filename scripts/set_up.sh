#!/bin/sh
# Creates .venv with the pinned dependencies of what runs and builds the media plane; installs from Debian
# what is missing for that. Run by make; a second run finds everything in place. Arguments: --for-tests
# for what tests and checks need besides; then commands that are needed, each as
# COMMAND=DEBIAN-PACKAGE; a command may be the path of any file, with wildcards.
set -eu
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
lock=requirements.lock mark=.venv/installed
if [ "${1:-}" = --for-tests ]; then
    lock=requirements-dev.lock mark=.venv/installed-for-tests
    shift
fi

updated=
apt_install() {
    as=; [ "$(id -u)" = 0 ] || as=sudo
    [ -n "$updated" ] || { $as apt-get update -q >/dev/null; updated=1; }
    echo "Installing $* from Debian's packages …"
    $as env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -q \
        --no-install-recommends "$@" >/dev/null
}

present() {
    for found in $1; do  # unquoted: a wildcard becomes the paths that it matches
        command -v "$found" >/dev/null 2>&1 && return 0
        case $found in /*) [ -e "$found" ] && return 0 ;; esac
    done
    return 1
}

# Only PostgreSQL's programs are wanted, not the server that Debian would create and start with them.
postgresql_install() {
    apt_install postgresql-common
    as=; [ "$(id -u)" = 0 ] || as=sudo
    $as sed -i 's/^#* *create_main_cluster *=.*/create_main_cluster = false/' \
        /etc/postgresql-common/createcluster.conf
    apt_install postgresql
}

for need in "$@"; do
    present "${need%%=*}" && continue
    case ${need#*=} in
        postgresql) postgresql_install ;;
        *) apt_install "${need#*=}" ;;
    esac
done
[ -x .venv/bin/python ] && [ $mark -nt $lock ] \
    && [ $mark -nt pyproject.toml ] && [ $mark -nt setup.py ] \
    && [ -z "$(find src/onhook/media -name '[!_]*.[ch]' -newer $mark)" ] \
    && [ $mark -nt src/onhook/media/build_plane.py ] && exit 0

command -v "$PYTHON" >/dev/null 2>&1 || apt_install python3
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Onhook needs Python 3.11 or newer; name one with PYTHON=… make …" >&2; exit 1; }
command -v gcc >/dev/null 2>&1 || apt_install gcc libc6-dev
echo '#include <openssl/evp.h>' | gcc -E - >/dev/null 2>&1 || apt_install libssl-dev  # SRTP
"$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv
"$PYTHON" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' || apt_install python3-dev

[ -x .venv/bin/python ] || "$PYTHON" -m venv .venv
echo "Installing Onhook's dependencies into .venv …"
# Bytecode is made of what is imported: of all modules it would be 70 MB.
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes \
    -r $lock
.venv/bin/python scripts/trim.py
echo "Building the media plane …"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps \
    --no-build-isolation --editable .
.venv/bin/python -c 'import onhook.cli, onhook.server.switch'
touch .venv/installed $mark
