"""A machine on which nothing is of ours: a Debian with apt, and terminals in which somebody types.

What is installed comes by this machine's network, as the package indexes are there. All else happens in a
network of its own, where the machine has the address that the pages have, and nobody else is.
"""

import json
import os
import pty
import re
import resource
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Self

import pytest

from deploy.apart import BECOMES_ROOT, DISK, apart, beside, ran
from deploy.image import index_roots, pip_config

HOST: Final = "192.168.1.20"
"""Of the machine, on the pages."""
PATIENCE_S: Final = 900.0
_BOOT = f"""
ip link set lo up
ip link add eth0 type veth peer name switch
ip addr add $2/24 dev eth0
ip link set eth0 up
ip link set switch up
ip route add default dev eth0
{DISK}
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=1777 tmpfs dev/shm
{BECOMES_ROOT}
echo up
exec sleep infinity
"""
_ENVIRONMENT = {
    "BUILDAH_ISOLATION": "chroot",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "LOGNAME": "root",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "TERM": "dumb",
    "USER": "root",
}
_HERE: Final = "/root/try"
"""The directory in which all is typed."""
_SHELL: Final = (
    f"cd {_HERE} && stty -echo -opost && echo ready && "
    "PS1= exec setsid --ctty --wait bash --norc --noediting"
)
"""It shows what is printed and not what is typed."""
_INSTALLS: Final = re.compile(r"apt-get |\S*pip install |make setup|podman build ")
"""What begins so needs the package indexes."""


class Fresh:
    """A machine, as long as the context lasts; `root` is its disk, made of a tar file of a Debian."""

    def __init__(self, root: Path, debian: Path) -> None:
        self.root = root
        self._debian = debian
        self.here = root / _HERE.removeprefix("/")
        self._terminals: list[Terminal] = []
        self._typed: list[tuple[str, float]] = []
        self._began_s = self._began_cpu_s = 0.0

    def __enter__(self) -> Self:
        self.root.mkdir()
        ran(["tar", "--extract", f"--file={self._debian}", f"--directory={self.root}"])
        shutil.copy(index_roots(), self.root / "etc/index-roots.pem")
        self.here.mkdir()
        (self.root / "etc/pip.conf").write_text(pip_config("/etc/index-roots.pem"))
        network = ("unshare", "--net", "--pid", "--fork", "--kill-child=KILL", "--")
        command = apart(*network, "sh", "-ec", _BOOT, "sh", str(self.root), HOST)
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "up\n"
        self._init = _only_child(self._process.pid)
        self._began_s, self._began_cpu_s = time.monotonic(), _cpu_s()
        return self

    def __exit__(self, *_: object) -> None:
        for terminal in self._terminals:
            terminal.close()
        self._process.kill()
        self._process.wait()

    def terminal(self) -> "Terminal":
        """Another one, in the same directory."""
        made = Terminal(self)
        self._terminals.append(made)
        return made

    def lets_containers_run(self) -> None:
        """Where there is no systemd; what is built there knows the package index."""
        config = self.root / "etc/containers"
        config.mkdir(exist_ok=True)
        volumes = [f"/etc/{name}:/etc/{name}:ro" for name in ("index-roots.pem", "pip.conf")]
        (config / "containers.conf").write_text(
            f'[containers]\ncgroups = "disabled"\nvolumes = {json.dumps(volumes)}\n'
            '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
        )

    def has_image(self, tar: Path, name: str) -> None:
        """In place of what would be fetched from a registry of images; nobody types that."""
        before_s, before_cpu_s = time.monotonic(), _cpu_s()
        shutil.copy(tar, self.root / "image.tar")
        self.installs(f"podman import --quiet /image.tar {name}")
        self._began_s += time.monotonic() - before_s
        self._began_cpu_s += _cpu_s() - before_cpu_s

    def saves(self, name: str, text: str) -> None:
        """A file that is written by an editor, there where all is typed."""
        (self.here / name).write_text(text)

    @contextmanager
    def typing(self, line: str, answers: str = "") -> Iterator[None]:
        """A line, in whichever terminal, and what its command asks, for as long as one waits for it."""
        begun_s = time.monotonic()
        yield
        self._typed.append((line, time.monotonic() - begun_s))
        self._typed += [("", 0.0) for _ in answers.splitlines()]

    def prints(self, capsys: pytest.CaptureFixture[str], what: str) -> None:
        """How much was typed by now, how long ago the first of it was, and what took a second or more.

        How long it took is of what else the machine did, too; the CPU of what was installed is not.
        """
        took_s, cpu_s = time.monotonic() - self._began_s, _cpu_s() - self._began_cpu_s
        lines = [(line.partition("\n")[0], line_s) for line, line_s in self._typed if line]
        answers = len(self._typed) - len(lines)
        long = [f"{line_s:6.1f} s  {line}" for line, line_s in lines if line_s >= 1]
        said = f"{what}: {len(lines)} lines, {answers} times Enter, {took_s:.0f} s"
        with capsys.disabled():
            print("", f"{said}; installing had {cpu_s:.0f} s of CPU", *long, sep="\n")

    def installs(self, line: str) -> str:
        """A line of which no other needs to know."""
        clean = ("env", "-i", *(f"{name}={value}" for name, value in _ENVIRONMENT.items()))
        return ran(self.inside(*clean, "sh", "-c", f"cd {_HERE} && {line}", network=False))

    def inside(self, *command: str, network: bool) -> list[str]:
        """A command there, in the network of the pages or in that of this machine."""
        namespaces = ("--mount", "--pid", *(["--net"] if network else []))
        return beside(self._init, *command, namespaces=namespaces)


class Terminal:
    """A shell that is typed into. What was set in it stays, as in any."""

    def __init__(self, machine: Fresh) -> None:
        self._machine = machine
        self._said = ""
        self._grew = threading.Condition()
        self._keys, screen = pty.openpty()
        self._shell = subprocess.Popen(
            machine.inside("sh", "-c", _SHELL, network=True),
            env=_ENVIRONMENT,
            stdin=screen,
            stdout=screen,
            stderr=screen,
            start_new_session=True,
        )
        os.close(screen)
        threading.Thread(target=self._reads, daemon=True).start()
        self.reads("ready\n")

    def types(self, line: str, answers: str = "") -> str:
        """A line, and what its command asks; returns what it printed, once it has ended well."""
        with self._machine.typing(line, answers):
            if _INSTALLS.match(line):
                return self._machine.installs(line)
            before = len(self._said)
            self._writes(f'{line}\n{answers}echo "ended with $?."\n')
            said = self.reads(r"ended with (\d+)\.\n", before)
        assert said.endswith("ended with 0.\n"), f"{line}\n{said}"
        return said.removesuffix("ended with 0.\n")

    def starts(self, line: str, until: str) -> str:
        """A line whose command goes on; what it printed until it has said this, a pattern."""
        with self._machine.typing(line):
            before = len(self._said)
            self._writes(f"{line}\n")
            return self.reads(until, before)

    def presses(self, key: str) -> None:
        """A key, for the command that runs."""
        self._writes(key)

    def reads(self, pattern: str, since: int = 0) -> str:
        """What was printed since, once there is the pattern in it."""
        looked_for = re.compile(pattern, re.MULTILINE)
        with self._grew:
            found = self._grew.wait_for(lambda: looked_for.search(self._said, since), PATIENCE_S)
        assert found, f"never: {pattern}\n{self._said[since:]}"
        return self._said[since : found.end()]

    def close(self) -> None:
        """Whoever still runs in it goes on until the machine is switched off."""
        self._shell.kill()
        self._shell.wait()

    def _writes(self, text: str) -> None:
        os.write(self._keys, text.encode())

    def _reads(self) -> None:
        with os.fdopen(self._keys, "rb", buffering=0) as screen, suppress(OSError):  # it is gone
            while got := screen.read(65_536):
                with self._grew:
                    self._said += got.decode(errors="replace")
                    self._grew.notify_all()


def _cpu_s() -> float:
    """Of all that this process has started and waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _only_child(pid: int) -> int:
    [child] = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)
