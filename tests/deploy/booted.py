"""A Debian system that was booted by systemd, on this machine's network."""

import os
import re
import select
import signal
import subprocess
import time
from pathlib import Path
from typing import Self

from deploy.apart import BECOMES_ROOT, DISK, apart, beside, ran
from deploy.containerfile import DEPLOY

PATIENCE_S = 120.0
_GROUP = f"/sys/fs/cgroup/onhook-booted-{os.getpid()}"
_BOOT = f"""
mkdir -p $2; echo $$ >$2/cgroup.procs
exec unshare --cgroup --pid --fork --kill-child=KILL --uts --ipc --mount --propagation=private sh -ec '
    umount /sys/fs/cgroup
    {DISK}
    mkdir -p opt/onhook root/deploy
    mount --bind "$2" opt/onhook
    mount -o remount,bind,ro opt/onhook
    mount --bind "$3" root/deploy
    {BECOMES_ROOT}
    exec env -i container=test PATH=/usr/sbin:/usr/bin \\
        /lib/systemd/systemd --log-target=journal --show-status=no </dev/null
' sh "$1" "$3" "$4"
"""
_INSIDE = ("--mount", "--pid", "--uts", "--ipc", "--cgroup")


class Booted:
    """A machine, as long as the context lasts. `root` is its disk, `onhook` what it has in /opt/onhook."""

    def __init__(self, root: Path, onhook: Path) -> None:
        self._root, self._onhook = root, onhook

    def __enter__(self) -> Self:
        told = (str(self._root), _GROUP, str(self._onhook), str(DEPLOY))
        command = apart("sh", "-ec", _BOOT, "sh", *told)
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        self._init = self._first()
        ends_at = time.monotonic() + PATIENCE_S
        while self.run("systemctl", "is-system-running", "--wait").stdout not in _UP:
            assert time.monotonic() < ends_at, self.run("systemctl", "--failed").stdout
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        """The power is cut."""
        init = os.pidfd_open(self._init)
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        ended = select.select([init], [], [], PATIENCE_S)[0]  # the last of those inside
        os.close(init)
        assert ended
        ran(apart("find", _GROUP, "-depth", "-type", "d", "-delete"))

    def _first(self) -> int:
        """The process that is 1 inside, once it is systemd."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        ends_at = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends_at and self._process.poll() is None:
            for pid in children.read_text().split():
                if Path(f"/proc/{pid}/comm").read_text() == "systemd\n":
                    return int(pid)
            time.sleep(0.02)
        raise AssertionError("systemd did not begin")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A command of root there, beside deploy/."""
        inside = beside(self._init, "sh", "-c", 'cd /root && exec "$@"', "sh", *command,
                        namespaces=_INSIDE)  # fmt: skip
        return subprocess.run(
            inside,
            env={"PATH": "/usr/local/bin:/usr/sbin:/usr/bin", "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def ran(self, *command: str) -> str:
        """What a command printed, which ended well."""
        done = self.run(*command)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}\n{self.journal()}"
        return done.stdout

    def journal(self) -> str:
        """What the service wrote since this boot."""
        return self.run("journalctl", "-b", "-u", "onhook", "-o", "cat", "--no-pager").stdout

    def pids(self, role: str) -> list[int]:
        """The processes of the server that have a role, by their numbers outside."""
        shown = self.ran("onhook", "status")
        inside = {int(found) for found in re.findall(rf"^{role} +(\d+)", shown, re.MULTILINE)}
        return [pid for pid in self._outside() if _number_inside(pid) in inside]

    def _outside(self) -> list[int]:
        namespace = _namespace(Path(f"/proc/{self._init}"))
        every = [each for each in Path("/proc").iterdir() if each.name.isdecimal()]
        return [int(each.name) for each in every if _namespace(each) == namespace]


_UP = ("running\n", "degraded\n")


def _namespace(process: Path) -> Path | None:
    try:
        return (process / "ns/pid").readlink()
    except OSError:
        return None


def _number_inside(pid: int) -> int:
    """Of a process in a namespace (`NSpid` of proc(5))."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"^NSpid:.*\s(\d+)$", status, re.MULTILINE)[0])
