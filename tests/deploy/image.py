"""The image of deploy/Containerfile, built by podman, and containers of it."""

import hashlib
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from deploy import debian
from deploy.apart import apart, beside, ran
from deploy.containerfile import ROOT

USER = 10001
"""Who owns what a container writes."""
_IMAGE, _BASE = "localhost/onhook", "localhost/base"
_ROOTS = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
"""Variables that may name the roots by which this machine knows its package index."""


def index_roots() -> Path:
    """The roots by which this machine knows its package index."""
    given = [Path(os.environ[name]) for name in _ROOTS if os.environ.get(name)]
    return given[0] if given else Path("/etc/ssl/certs/ca-certificates.crt")


def files_to_open() -> int:
    """As many as docs/deploying.md has for a container, or what this machine allows."""
    return min(65536, resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def pip_config(roots: str) -> str:
    """This machine's way to its package index, for a system that has those roots in this file."""
    said = ran([sys.executable, "-m", "pip", "config", "list"])
    [index] = re.findall(r"^(?:global|:env:).index-url='(.*)'$", said, re.MULTILINE)[-1:] or [""]
    return f"[global]\ncert = {roots}\n" + (f"index-url = {index}\n" if index else "")


class Image:
    """Built in a store of its own below `home`; a second one of the same home takes the first one's.

    Its base is made of Debian's packages, as no image can be fetched here.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        short = hashlib.sha256(bytes(home)).hexdigest()[:12]  # podman lets it have 50 characters
        self._volatile = Path(f"/run/onhook-{short}")
        self._store = ("podman", f"--root={home}/store", f"--runroot={self._volatile}",
                       "--storage-driver=vfs", "--cgroup-manager=cgroupfs")  # fmt: skip

    def build(self) -> None:
        """What an operator types, but for the base, and with this machine's way to its package index."""
        base = self._home / "base.tar"
        debian.make(base)
        ran([*self._store, "import", "--quiet", str(base), _BASE])
        base.unlink()
        ran(
            [
                *(*self._store, "build", "--quiet", "--layers=false"),
                *("--format=docker", "--isolation=chroot"),
                *(f"--build-arg=BASE={_BASE}", *self._way_to_the_index(), "--tag", _IMAGE),
                *("--file", str(ROOT / "deploy/Containerfile"), str(ROOT)),
            ]
        )
        (self._home / "built").touch()

    def is_built(self) -> bool:
        """Whether another worker of this run has done so."""
        return (self._home / "built").exists()

    def remove(self) -> None:
        """Nobody uses it any more."""
        for directory in (self._home / "store", self._volatile):
            shutil.rmtree(directory)
        (self._home / "built").unlink()

    def _way_to_the_index(self) -> list[str]:
        """What pip is told on this machine; nothing of it stays in the image."""
        roots = "/build-roots.pem"
        config = self._home / "pip.conf"
        config.write_text(pip_config(roots))
        return [f"--volume={index_roots()}:{roots}:ro", f"--volume={config}:/etc/pip.conf:ro"]

    def podman(self, *arguments: str) -> str:
        """What a command of podman printed that looks at this store."""
        return ran([*self._store, *arguments])

    def variables(self, where: Path) -> dict[str, str]:
        """An environment in which whoever calls podman does so as `start` has it; its files are put there."""
        storage, containers = where / "storage.conf", where / "containers.conf"
        storage.write_text(
            '[storage]\ndriver = "vfs"\n'
            f'runroot = "{self._volatile}"\ngraphroot = "{self._home}/store"\n'
        )
        files = files_to_open()
        containers.write_text(
            '[containers]\ncgroups = "disabled"\n'
            f'default_ulimits = ["nofile={files}:{files}", "nproc=4096:4096"]\n'
            '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
        )
        return {
            **os.environ,
            "CONTAINERS_STORAGE_CONF": str(storage),
            "CONTAINERS_CONF": str(containers),
            "DISABLE_HC_SYSTEMD": "true",  # nobody asks for its health where systemd is not there
        }

    def size_bytes(self) -> int:
        """Of all its layers, unpacked."""
        return int(ran([*self._store, "image", "inspect", "--format={{.Size}}", _IMAGE]))

    def config(self, part: str) -> str:
        """A part of what it says about itself, as JSON."""
        return ran([*self._store, "image", "inspect", f"--format={{{{json {part}}}}}", _IMAGE])

    def mounted(self) -> Path:
        """Its files."""
        return Path(ran([*self._store, "image", "mount", _IMAGE]).strip())

    def start(self, data: Path, settings: Mapping[str, str], *options: str) -> "Container":
        """A container as docs/deploying.md says, on the machine's network, with `data` for a volume.

        Where systemd is not there, podman has nobody who would ask for its health.
        """
        name = f"onhook-{uuid.uuid4().hex[:8]}"
        files = files_to_open()
        variables = [f"--env=ONHOOK_{key.upper()}={value}" for key, value in settings.items()]
        command = [
            *(*self._store, "run", "--rm", f"--name={name}", "--network=host", "--read-only"),
            *("--tmpfs=/tmp", "--cap-drop=all", "--security-opt=no-new-privileges"),
            *(f"--ulimit=nofile={files}:{files}", "--ulimit=nproc=4096:4096"),
            *("--cgroups=disabled", "--no-healthcheck", f"--volume={data}:/var/lib/onhook"),
            *(*variables, *options, _IMAGE),
        ]
        return Container(self._store, name, command)


class Container:
    """A server in a container; it serves when this has been made."""

    def __init__(self, store: tuple[str, ...], name: str, command: list[str]) -> None:
        self._store, self._name = store, name
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115  as long as the container
        self.process = subprocess.Popen(
            apart(*command), stdout=subprocess.PIPE, stderr=self._log, text=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("onhook ready "), f"{line!r}\n{self.log}"
        where = dict(part.split("=") for part in line.split()[2:])
        self.url = f"http://{where['http']}"
        host, _, port = where["sip"].rpartition(":")
        self.sip = (host, int(port))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate()
        self._log.close()

    @property
    def log(self) -> str:
        """What it wrote to standard error."""
        self._log.seek(0)
        return self._log.read()

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """A command in the container (`podman exec`)."""
        given = [f"--env={name}={value}" for name, value in variables.items()]
        return subprocess.run(
            beside(self.process.pid, *self._store, "exec", *given, self._name, *command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def onhook(self, *arguments: str) -> str:
        """What a command of Onhook printed in the container."""
        done = self.run("onhook", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def stop(self) -> int:
        """As `podman stop` does; the exit status of the server."""
        ran(beside(self.process.pid, *self._store, "stop", "--time=100", self._name))
        return self.process.wait()
