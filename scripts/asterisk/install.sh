#!/bin/sh
# Installs Asterisk 22, Debian sid's own package, in a directory of its own: Debian's stable releases have
# none. Once; it is kept in $1 for the next time. Needs root. What is mounted there meanwhile is seen by
# this script's processes alone, and is gone with them.
set -eu
root=$1
[ -x "$root/usr/sbin/asterisk" ] && [ -e "$root/.complete" ] && exit 0
[ "$(id -u)" = 0 ] || { echo "Only root can install Asterisk in $root: run make as root once." >&2; exit 1; }
if [ -z "${ONHOOK_PRIVATE_MOUNTS:-}" ]; then
    exec env ONHOOK_PRIVATE_MOUNTS=1 unshare --mount --propagation private "$0" "$@"
fi
# where this system gets its own packages from
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list \
    2>/dev/null | grep -oE 'https?://[^ ]+/debian/?( |$)' | grep -v security | head -n 1 | tr -d ' ')
[ -n "$mirror" ] || { echo "no Debian mirror in /etc/apt" >&2; exit 1; }
echo "Installing Asterisk 22 in $root …"
rm -rf --one-file-system "$root"
mkdir -p "$root"
debootstrap --variant=minbase sid "$root" "$mirror" >"$root.log" 2>&1 || {
    tail -n 5 "$root.log" >&2; exit 1; }
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"  # nothing is started by the install
chmod +x "$root/usr/sbin/policy-rc.d"
for file in /etc/apt/apt.conf.d/*; do
    if grep -q Check-Valid-Until "$file"; then cp "$file" "$root/etc/apt/apt.conf.d/"; fi
done
cp /etc/resolv.conf "$root/etc/" 2>/dev/null || true
mount --bind /proc "$root/proc"
mount --bind /dev "$root/dev"
chroot "$root" sh -c 'export DEBIAN_FRONTEND=noninteractive
    apt-get update -q && apt-get install -y -q --no-install-recommends asterisk asterisk-modules' \
    >>"$root.log" 2>&1 || { tail -n 5 "$root.log" >&2; exit 1; }
umount "$root/dev" "$root/proc"
rm -rf "$root/var/cache/apt/archives" "$root/var/lib/apt/lists"
chroot "$root" asterisk -V
touch "$root/.complete"
