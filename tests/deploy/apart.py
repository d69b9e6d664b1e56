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
