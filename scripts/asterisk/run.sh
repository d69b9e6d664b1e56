#!/bin/sh
# Runs the Asterisk of $1 with the configuration of $2, in the foreground. What is mounted is seen by its
# process alone, and is gone with it; so is everything that it writes.
set -eu
if [ -z "${ONHOOK_PRIVATE_MOUNTS:-}" ]; then
    exec env ONHOOK_PRIVATE_MOUNTS=1 unshare --mount --propagation private "$0" "$@"
fi
root=$1
mkdir -p "$root/onhook"
mount -t tmpfs none "$root/onhook"
mkdir -p "$root/onhook/var" "$root/onhook/spool" "$root/onhook/run" "$root/onhook/log"
cp -r "$2" "$root/onhook/etc"
mount --bind /proc "$root/proc"
mount --bind /dev "$root/dev"
exec chroot "$root" /usr/sbin/asterisk -f -C /onhook/etc/asterisk.conf
