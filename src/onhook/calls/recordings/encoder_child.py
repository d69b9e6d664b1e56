"""A process that makes mp3s of recordings, one after another, for as long as its input is open.

Each line of its input is a JSON list of two paths: the spool, of 16-bit samples in the machine's byte
order, and the mp3 to be made of it. It answers each with a line: a JSON text, empty when the mp3 is on
disk and the spool deleted, otherwise what went wrong; then the spool is as it was.
"""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

SAMPLE_RATE_HZ: Final = 8000
SCRATCH_SUFFIX: Final = ".part"

_CHUNK_BYTES: Final = 128 * 1024
_QUALITY: Final = 0.3  # of 0 (best) to 1 (smallest); about 20 kbit/s of speech, less of silence
_SHORTEST: Final = bytes(2 * SAMPLE_RATE_HZ // 10)  # an mp3 of no samples is no file at all
_LAST_NICE: Final = 19


def encode(spool: Path, mp3: Path) -> None:
    """Make ``mp3`` and delete ``spool``. Raises ``OSError`` and ``RuntimeError``.

    A spool that is not there is an empty one, unless its mp3 was made before. The mp3 has its name
    only when all of it is on the disk.
    """
    if not spool.exists() and mp3.exists():
        return
    scratch = mp3.with_name(mp3.name + SCRATCH_SUFFIX)
    try:
        count = _write(spool, scratch)
        _check(scratch, count)
        scratch.replace(mp3)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    _sync(mp3.parent)
    spool.unlink(missing_ok=True)


def _write(spool: Path, scratch: Path) -> int:
    """All whole samples; returns how many."""
    import soundfile

    os.close(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    count = 0
    with soundfile.SoundFile(
        scratch,
        "w",
        samplerate=SAMPLE_RATE_HZ,
        channels=1,
        format="MP3",
        subtype="MPEG_LAYER_III",
        bitrate_mode="VARIABLE",
        compression_level=_QUALITY,
    ) as out:
        for chunk in _chunks(spool):
            out.buffer_write(chunk, "int16")
            count += len(chunk) // 2
    _sync(scratch)
    return count


def _chunks(spool: Path) -> Iterator[bytes]:
    """The spool in pieces of whole samples; at least one."""
    empty = True
    try:
        with spool.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                if len(chunk) >= 2:
                    yield chunk[: len(chunk) & ~1]
                    empty = False
    except FileNotFoundError:
        pass
    if empty:
        yield _SHORTEST


def _check(scratch: Path, count: int) -> None:
    """The library does not tell of everything that a full disk refused."""
    import soundfile

    if soundfile.info(scratch).frames < count:
        raise RuntimeError("a part of the mp3 could not be written: the disk may be full")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _answer(line: str) -> str:
    spool, mp3 = map(Path, json.loads(line))
    try:
        encode(spool, mp3)
    except (OSError, RuntimeError) as error:  # soundfile's own are RuntimeErrors
        return str(getattr(error, "strerror", None) or error) or type(error).__name__
    return ""


def main() -> None:
    """Answer every line, below everything else that wants the processor."""
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGHUP,
    ):  # meant for the server, which ends this
        signal.signal(number, signal.SIG_IGN)
    os.nice(_LAST_NICE)
    for line in sys.stdin:
        print(json.dumps(_answer(line)), flush=True)


if __name__ == "__main__":
    main()
