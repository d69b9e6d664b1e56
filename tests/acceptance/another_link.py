"""Two versions of Onhook that talk to media planes in different ways, installed over one another."""

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import onhook
from acceptance.harness import READY_S, Onhook
from acceptance.reload_command import reload
from acceptance.survival import Stage, nothing

OURS = Path(onhook.__file__).parent
NEWER = "9.9"
_LIBRARY = Path("media/_plane.abi3.so")
_CHANGES = {
    "media/native/link.h": (
        (r"LINK_VERSION = (\d+)", lambda found: f"LINK_VERSION = {int(found[1]) + 1}"),
        (r"(struct signs \{\n)", r"\1    _Atomic uint64_t another_sign;\n"),
        (r"(    uint32_t sockets; /\*)", r"    uint32_t another_size;\n\1"),
    ),
    "media/native/plane.h": (
        (r"(struct plane_stats \{\n)", r"\1    uint64_t another_figure;\n"),
        (r"(struct plane_event \{\n)", r"\1    uint64_t another_number;\n"),
    ),
}
"""All that lies in the shared memory is elsewhere, and what is told of a stream is longer."""


def build_newer(folder: Path) -> Path:
    """The library of the newer version, from our sources."""
    tree = folder / "newer" / "onhook"
    shutil.copytree(OURS, tree, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    for name, changes in _CHANGES.items():
        text = (tree / name).read_text()
        for pattern, by in changes:
            text, count = re.subn(pattern, by, text)
            assert count == 1, pattern
        (tree / name).write_text(text)
    subprocess.run([sys.executable, str(tree / "media/build_plane.py")], check=True)
    return tree / _LIBRARY


@dataclass
class Installed:
    """A copy of the program, of which either version is installed."""

    site: Path
    newer: Path
    """The library of that one."""
    is_newer: bool = False

    @classmethod
    def make(cls, site: Path, newer: Path) -> Self:
        """Ours."""
        shutil.copytree(OURS, site / "onhook", ignore=shutil.ignore_patterns("__pycache__"))
        return cls(site, newer)

    def install_other(self) -> str:
        """Over the one that is there; returns its version."""
        self.is_newer = not self.is_newer
        version = NEWER if self.is_newer else onhook.__version__
        self._put(_LIBRARY, (self.newer if self.is_newer else OURS / _LIBRARY).read_bytes())
        ours = (OURS / "__init__.py").read_text()
        text = ours.replace(onhook.__version__, version)
        self._put(Path("__init__.py"), text.encode())
        return version

    def _put(self, name: Path, data: bytes) -> None:
        """As an installer does: what has the old file open keeps it."""
        new = self.site / f"{name.name}.new"
        new.write_bytes(data)
        new.replace(self.site / "onhook" / name)

    async def reload(self, server: Onhook) -> tuple[int, str]:
        """`onhook reload`, by what is installed."""
        return await reload(server, PYTHONPATH=str(self.site))


@dataclass
class ReloadStage(Stage):
    """In the first gap another version takes over, which talks to media planes in another way, and in those
    after it the same one again: calls have the old plane still."""

    installed: Installed = field(kw_only=True)
    version: str = ""

    @asynccontextmanager
    async def gap(self, last: Callable[[], Awaitable[None]] = nothing) -> AsyncIterator[None]:
        """A reload is under way, or done, within this block; it is done at its end. `last` happens just
        before it."""
        if not self.version:
            await self.one_plane()
            self.version = self.installed.install_other()
        await last()
        reloading = asyncio.create_task(self.installed.reload(self.server))
        try:
            yield
        finally:
            assert await reloading == (0, f"onhook {self.version} has taken over.\n")

    async def one_plane(self) -> None:
        """Returns once no call has the plane of before any more, which has ended by itself."""
        async with asyncio.timeout(READY_S):
            while await asyncio.to_thread(self.server.pids, "old-plane"):
                await asyncio.sleep(0.02)
