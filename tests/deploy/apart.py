"""A process whose mounts are its own, as podman and systemd want them."""

import os
import subprocess
from collections.abc import Sequence

_OWN = """
umount -R /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
mount -t tmpfs tmpfs /mnt
mknod -m 0666 /mnt/null c 1 3
mount --bind /mnt/null /dev/null
umount -l /mnt
exec "$@"
"""
"""Unified cgroups; and a /dev/null which crun 1.8 may give to the user of a container."""

DISK = """
cd "$1"
mount --bind . .
cd "$1"
mount -t proc proc proc
mount -t tmpfs -o mode=0755 tmpfs run
mount -t tmpfs -o mode=0755 tmpfs dev
for device in null zero full random urandom tty; do
    touch dev/$device
    mount --bind /dev/$device dev/$device
done
ln -s /proc/self/fd dev/fd
mkdir dev/shm dev/pts
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 none sys/fs/cgroup
mkdir -p mnt
"""
"""Of a shell that is apart: the disk "$1" has what a machine mounts before anything else, and is the working
directory. What follows is `BECOMES_ROOT`; there are no single quotes in it."""
BECOMES_ROOT = """
pivot_root . mnt
umount -l mnt
"""


def apart(*command: str) -> list[str]:
    """The command, with mounts that nobody else sees, and which are gone with it."""
    unshared = ("unshare", "--mount", "--propagation=private", "--", "sh", "-ec", _OWN, "sh")
    return [*unshared, *command]


def beside(pid: int, *command: str, namespaces: Sequence[str] = ("--mount",)) -> list[str]:
    """The command, in namespaces of a process that is apart."""
    return ["nsenter", f"--target={pid}", *namespaces, "--", *command]


def ran(command: Sequence[str], **variables: str) -> str:
    """What a command printed, which ended well."""
    done = subprocess.run(
        command,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout
