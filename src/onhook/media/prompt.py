"""Prompts: audio that is ready to be sent, as G.711 frames in files, named by their content.

A prompt is a file, `<digest>.g711`, of whole 20 ms frames: all of them in mu-law, and behind them the same in
A-law. The media plane maps it, so that every call that plays a prompt shares one copy of it. A file is never
changed once it has its name, nor cut short, but only replaced or deleted: that does not disturb whoever has
it open.
"""

import mmap
import os
import re
import tempfile
from pathlib import Path
from typing import Final

from onhook.media.errors import PromptDamaged, PromptMissing
from onhook.media.frame_file import LAWS, FrameFile, Pcm, coded
from onhook.media.g711 import FRAME_BYTES, FRAME_MS, Codec

SUFFIX: Final = ".g711"
"""What the name of a prompt ends in."""
OLD_SUFFIXES: Final = {Codec.PCMU: ".ulaw", Codec.PCMA: ".alaw"}
"""Of earlier versions, which had a file for each law; one file is made of the two when they are opened."""

_DIGEST = re.compile(r"[0-9a-f]{16,128}", re.ASCII)
_SCRATCH = ".prompt-"
_BOTH_BYTES: Final = len(LAWS) * FRAME_BYTES


class Prompt:
    """An open prompt (`play_queue.Playable`); it can be played whatever becomes of the directory."""

    __slots__ = ("__weakref__", "digest", "file", "frame_count")

    digest: Final[str]
    """What the prompt is called; empty for one that is in memory only."""
    file: Final[FrameFile]
    first: Final = 0
    frame_count: Final[int]
    """How many frames of 20 ms it has; at least one."""

    def __init__(self, digest: str, file: FrameFile) -> None:
        self.digest = digest
        self.file = file
        self.frame_count = file.frame_count

    @property
    def duration_ms(self) -> int:
        """How long it lasts, the silence that fills up the last frame included."""
        return self.frame_count * FRAME_MS

    def frames(self, codec: Codec) -> memoryview:
        """All frames in one law, one after another; read-only bytes."""
        return self.file.read(codec)

    @staticmethod
    def exists(directory: Path, digest: str) -> bool:
        """Whether it is there. Raises `ValueError` for what is not a digest."""
        old = [_path(directory, digest, suffix) for suffix in OLD_SUFFIXES.values()]
        return _path(directory, digest).is_file() or all(path.is_file() for path in old)

    @classmethod
    def open(cls, directory: Path, digest: str) -> "Prompt":
        """Open a prompt, and see to it that it is in memory when it is played.

        Blocks on the disk. Raises `PromptMissing`, `PromptDamaged`, `ValueError` for what is not a digest
        (16 to 128 lower-case hexadecimal digits), and `OSError` when the system refuses.
        """
        path = _path(directory, digest)
        try:
            return cls(digest, _opened(path))
        except PromptMissing:
            _join(directory, digest)
        return cls(digest, _opened(path))

    @classmethod
    def write(cls, directory: Path, digest: str, pcm: Pcm) -> "Prompt":
        """Keep mono samples at 8,000 Hz as a prompt, and open it. It survives a power cut.

        `pcm` is one-dimensional int16 with at least one sample; the last frame is filled up with
        silence. To write a digest that is there already is harmless. Blocks on the disk: call it
        in a worker thread. Raises `ValueError`, `TypeError` (not int16), `OSError`.
        """
        path = _path(directory, digest)
        _write(path, b"".join(coded(pcm)))
        _sync_directory(directory)
        return cls(digest, _opened(path))

    @classmethod
    def of(cls, pcm: Pcm) -> "Prompt":
        """As `write`, but kept in memory only, and without a digest."""
        return cls("", FrameFile.of(*coded(pcm)))


def is_scratch(path: Path) -> bool:
    """Whether `path` is of a prompt that is being written, or never was written to its end."""
    return path.name.startswith(_SCRATCH)


def _path(directory: Path, digest: str, suffix: str = SUFFIX) -> Path:
    if not _DIGEST.fullmatch(digest):
        raise ValueError("a digest is 16 to 128 lower-case hexadecimal digits")
    return directory / (digest + suffix)


def _opened(path: Path) -> FrameFile:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise PromptMissing(f"there is no {path.name}") from error
    try:
        size_bytes = os.fstat(descriptor).st_size
        if not size_bytes or size_bytes % _BOTH_BYTES:
            raise PromptDamaged(f"{path.name} is not made of whole frames in both laws")
        _read_in(descriptor, size_bytes)
    except BaseException:
        os.close(descriptor)
        raise
    return FrameFile(descriptor, size_bytes // _BOTH_BYTES)


def _read_in(descriptor: int, size_bytes: int) -> None:
    """Fetch all of it from the disk, here and now: whoever maps it next, for a call, finds it in memory."""
    flags = mmap.MAP_SHARED | mmap.MAP_POPULATE
    with mmap.mmap(descriptor, size_bytes, flags=flags, prot=mmap.PROT_READ):
        pass


def _join(directory: Path, digest: str) -> None:
    """Make one file of two, as earlier versions left them. Raises `PromptMissing`, `PromptDamaged`."""
    paths = [_path(directory, digest, OLD_SUFFIXES[codec]) for codec in LAWS]
    try:
        mu_law, a_law = (path.read_bytes() for path in paths)
    except FileNotFoundError as error:
        raise PromptMissing(f"there is no {digest}{SUFFIX}") from error
    if len(mu_law) != len(a_law):
        raise PromptDamaged(f"prompt {digest}: its two files differ in length")
    _write(_path(directory, digest), mu_law + a_law)
    _sync_directory(directory)
    for path in paths:
        path.unlink(missing_ok=True)


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
