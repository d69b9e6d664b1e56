"""Prompts: audio that is ready to be sent, as G.711 frames in files, named by their content.

A prompt is a pair of files, `<digest>.ulaw` and `<digest>.alaw`, of whole 20 ms frames. They are
mapped into memory, so that every call that plays a prompt shares one copy of it. A file is never
changed once it has its name; deleting it does not disturb whoever has it open.
"""

import mmap
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from onhook.media.errors import PromptDamaged, PromptMissing
from onhook.media.g711 import FRAME_BYTES, FRAME_MS, Codec, encode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


_DIGEST = re.compile(r"[0-9a-f]{16,128}", re.ASCII)
SUFFIXES = {Codec.PCMU: ".ulaw", Codec.PCMA: ".alaw"}
"""What the names of a prompt's files end in."""

_SCRATCH = ".prompt-"
# All of it is read in now: a page that is missing later is fetched by the media thread, and every
# call waits for the disk.
_MAP_FLAGS = mmap.MAP_SHARED | mmap.MAP_POPULATE


class Prompt:
    """An open prompt. Its memory lives as long as it, or a view of it, does."""

    __slots__ = ("__weakref__", "_views", "digest", "frame_count")

    digest: str
    """What the prompt is called; empty for one that has no files."""
    frame_count: int
    """How many frames of 20 ms it has; at least one."""

    def __init__(self, digest: str, views: dict[Codec, memoryview]) -> None:
        self.digest = digest
        self._views = views
        self.frame_count = len(views[Codec.PCMU]) // FRAME_BYTES

    @property
    def duration_ms(self) -> int:
        """How long it lasts, the silence that fills up the last frame included."""
        return self.frame_count * FRAME_MS

    def frames(self, codec: Codec) -> memoryview:
        """All frames in one law, one after another; read-only bytes."""
        return self._views[codec]

    @staticmethod
    def exists(directory: Path, digest: str) -> bool:
        """Whether both files are there. Raises `ValueError` for what is not a digest."""
        return all(_path(directory, digest, codec).is_file() for codec in Codec)

    @classmethod
    def open(cls, directory: Path, digest: str) -> "Prompt":
        """Map a prompt into memory.

        Raises `PromptMissing`, `PromptDamaged`, `ValueError` for what is not a digest (16 to 128
        lower-case hexadecimal digits), and `OSError` when the system refuses.
        """
        views = {codec: _map(_path(directory, digest, codec)) for codec in Codec}
        if len(views[Codec.PCMU]) != len(views[Codec.PCMA]):
            raise PromptDamaged(f"prompt {digest}: its two files differ in length")
        return cls(digest, views)

    @classmethod
    def write(cls, directory: Path, digest: str, pcm: "NDArray[np.int16]") -> "Prompt":
        """Keep mono samples at 8,000 Hz as a prompt, and open it. It survives a power cut.

        `pcm` is one-dimensional int16 with at least one sample; the last frame is filled up with
        silence. To write a digest that is there already is harmless. Blocks on the disk: call it
        in a worker thread. Raises `ValueError`, `TypeError` (not int16), `OSError`.
        """
        for codec, coded in _coded(pcm).items():
            _write(_path(directory, digest, codec), coded)
        _sync_directory(directory)
        return cls.open(directory, digest)

    @classmethod
    def of(cls, pcm: "NDArray[np.int16]") -> "Prompt":
        """As `write`, but kept in memory only, and without a digest."""
        return cls("", {codec: memoryview(coded) for codec, coded in _coded(pcm).items()})


def is_scratch(path: Path) -> bool:
    """Whether `path` is of a prompt that is being written, or never was written to its end."""
    return path.name.startswith(_SCRATCH)


def _coded(pcm: "NDArray[np.int16]") -> dict[Codec, bytes]:
    """Whole frames in both laws."""
    if pcm.ndim != 1 or not len(pcm):
        raise ValueError("a prompt is made of one channel with at least one sample")
    padding = -len(pcm) % FRAME_BYTES
    return {
        codec: encode(pcm, codec).tobytes() + bytes([codec.silence]) * padding for codec in Codec
    }


def _path(directory: Path, digest: str, codec: Codec) -> Path:
    if not _DIGEST.fullmatch(digest):
        raise ValueError("a digest is 16 to 128 lower-case hexadecimal digits")
    return directory / (digest + SUFFIXES[codec])


def _map(path: Path) -> memoryview:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise PromptMissing(f"there is no {path.name}") from error
    try:
        size_bytes = os.fstat(descriptor).st_size
        if not size_bytes or size_bytes % FRAME_BYTES:
            raise PromptDamaged(f"{path.name} is not made of whole frames")
        mapping = mmap.mmap(descriptor, size_bytes, flags=_MAP_FLAGS, prot=mmap.PROT_READ)
    finally:
        os.close(descriptor)
    return memoryview(mapping)


def _write(path: Path, content: bytes) -> None:
    """Write all of it under another name, wait for the disk, then rename."""
    descriptor, scratch = tempfile.mkstemp(dir=path.parent, prefix=_SCRATCH)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        Path(scratch).replace(path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
