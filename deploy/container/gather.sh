#!/bin/sh
# Gathers in $1 what Onhook's processes need of the system that they were installed on, for an image that has nothing
# else: Python with its library, the shared libraries of all that is compiled, certificates, time zones, a user.
# No shell, no package manager: 58 MB rather than 110, and nothing for whoever gets in.
set -eu
root=$1
mkdir -p "$root/etc"
cd /  # cp --parents looks for absolute paths from where it is
python=$(readlink -f /opt/onhook/bin/python)
library=$("$python" -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')

# The name that the virtual environment knows its interpreter by is a link to another.
cp -a --parents "$(readlink /opt/onhook/bin/python3)" "$python" "$library" "$root"
(cd "$root$library" && rm -rf config-* ensurepip idlelib lib2to3 pydoc_data test tkinter turtledemo)

find "$library" /opt/onhook -name '*.so*' -exec ldd "$python" {} + 2>/dev/null | grep -o '[[:space:]]/[^ ]*' | sort -u |
    grep -v '[[:space:]]/opt/' | xargs cp -L --parents -t "$root"
ldconfig -r "$root"

cp -rL --parents /etc/ssl/certs /usr/share/zoneinfo "$root"
cp -a --parents /usr/lib/ssl /etc/ssl/openssl.cnf /etc/os-release /usr/lib/os-release "$root"
cp -a --parents /usr/lib/locale/C.utf8 "$root"
[ ! -e /etc/nsswitch.conf ] || cp --parents /etc/nsswitch.conf "$root"
echo 'onhook:x:10001:10001::/var/lib/onhook:/nonexistent' >"$root/etc/passwd"
echo 'onhook:x:10001:' >"$root/etc/group"
install -d -m 1777 "$root/tmp"
install -d -m 0700 -o 10001 -g 10001 "$root/var/lib/onhook"
