"""A Debian system of this machine's release, made of its packages by mmdebstrap; as root."""

import platform
import subprocess
from pathlib import Path

_SOURCES = ("/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list")
"""Where this machine's own packages come from: of the first that says anything."""


def make(where: Path, *packages: str) -> None:
    """The essential packages with apt, and these with what they want, as a directory or a tar file."""
    [sources, *_] = [each for each in map(Path, _SOURCES) if each.is_file() and each.stat().st_size]
    made = subprocess.run(
        [
            *("mmdebstrap", "--variant=apt", "--aptopt=APT::Install-Recommends \"false\""),
            *("--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/doc/*"),
            *([f"--include={','.join(packages)}"] if packages else []),
            *(platform.freedesktop_os_release()["VERSION_CODENAME"], where, sources),
        ],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr[-2000:]
