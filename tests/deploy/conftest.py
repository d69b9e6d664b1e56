"""The image, built once a run, and the disk of a machine that systemd boots."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from deploy import debian
from deploy.apart import ran
from deploy.image import Image


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """Built by the first worker that wants it, in minutes; removed, 3 GB, by the last."""
    base = tmp_path_factory.getbasetemp()
    home = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "onhook-image"
    home.mkdir(exist_ok=True)
    built = Image(home)
    with (home / "users").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        with (home / "builder").open("w") as builder:
            fcntl.flock(builder, fcntl.LOCK_EX)
            if not built.is_built():
                built.build()
        yield built
        with suppress(BlockingIOError):  # another worker uses it
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            built.remove()


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Debian with systemd and what Python needs."""
    where = tmp_path_factory.mktemp("disk") / "root"
    debian.make(where, "systemd-sysv", "dbus", "python3", "ca-certificates", "tzdata", "libstdc++6")
    return where


@pytest.fixture
def disk(installed: Path, tmp_path: Path) -> Path:
    """The disk of one machine, which nobody has booted."""
    where = tmp_path / "disk"
    ran(["cp", "--archive", "--reflink=auto", str(installed), str(where)])
    return where
