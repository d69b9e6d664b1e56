"""The prompts of the data directory, within a number of bytes: the least recently used go first.

A prompt that is open anywhere in the process is in use, and stays. When it was used is kept in memory,
and roughly in the files' times, from which a new process begins.
"""

import os
import time
from collections import Counter, OrderedDict
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

import structlog

from onhook.media.errors import PromptError, PromptMissing
from onhook.media.g711 import FRAME_BYTES
from onhook.media.prompt import OLD_SUFFIXES, SUFFIX, Prompt, is_scratch

if TYPE_CHECKING:
    from onhook.speech.narrowband import PcmBuffer

log = structlog.get_logger()

_SUFFIXES: Final = (SUFFIX, *OLD_SUFFIXES.values())
_LAWS: Final = 2
_SCRATCH_S: Final = 60.0  # older than this process by so much: its writer is gone
_BLOCK_BYTES: Final = 4096  # what a file really takes is a multiple of it


class PromptFiles:
    """The directory (speech.PromptStore). Its methods block and are called from several threads.

    One lock holds opening and deleting apart: what is found is whole, and what is not found is not
    being deleted any more when it is made anew.
    """

    def __init__(self, directory: Path, limit_bytes: int) -> None:
        self._directory = directory
        self._limit_bytes = limit_bytes
        self._lock = Lock()
        self._sizes: OrderedDict[str, int] = OrderedDict()  # the least recently used first
        self._open: WeakValueDictionary[str, Prompt] = WeakValueDictionary()
        self._saving: Counter[str] = Counter()
        self._begun_at = time.time()
        self.total_bytes = 0
        """What all prompts that are known take on the disk."""

    def find(self, digest: str) -> Prompt | None:
        """The prompt, mapped; None for one that is not there, or damaged: it is to be made anew."""
        with self._lock:
            prompt = self._open.get(digest)
            if prompt is None:
                try:
                    prompt = Prompt.open(self._directory, digest)
                except PromptError:
                    self._forget(digest)
                    return None
            self._used(digest, prompt)
            return prompt

    def save(self, digest: str, pcm: "PcmBuffer") -> Prompt:
        """Keeps 8 kHz audio under ``digest``, and maps it; others may have to go for it."""
        with self._lock:
            self._saving[digest] += 1
        try:
            prompt = self._write(digest, pcm)
        finally:
            with self._lock:
                self._saving[digest] -= 1
                self._saving += Counter()  # drops what is not above zero
        with self._lock:
            prompt = self._open.get(digest, prompt)
            self._used(digest, prompt)
            self._make_room()
        return prompt

    def _write(self, digest: str, pcm: "PcmBuffer") -> Prompt:
        try:
            return Prompt.write(self._directory, digest, pcm)
        except (FileNotFoundError, PromptMissing):  # somebody deleted it all, in the middle of it
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            return Prompt.write(self._directory, digest, pcm)

    def piece(self, pcm: "PcmBuffer") -> Prompt:
        """8 kHz audio as a prompt in memory."""
        return Prompt.of(pcm)

    def scan(self) -> None:
        """Learns what earlier processes left, and deletes what is too much."""
        times, sizes = self._on_disk()
        with self._lock:
            known = list(self._sizes)
            for digest in sorted(times.keys() - self._sizes.keys(), key=times.__getitem__):
                self._learn(digest, sizes[digest])
            for digest in known:  # used since this process began
                self._sizes.move_to_end(digest)
            self._make_room()

    def _on_disk(self) -> tuple[dict[str, float], Counter[str]]:
        """When each prompt was used last, and what it takes; half a prompt counts too."""
        times: dict[str, float] = {}
        sizes: Counter[str] = Counter()
        with os.scandir(self._directory) as entries:
            for entry in entries:
                path = Path(entry.path)
                try:
                    found = entry.stat(follow_symlinks=False)
                    if is_scratch(path) and found.st_mtime < self._begun_at - _SCRATCH_S:
                        path.unlink()
                except FileNotFoundError:
                    continue
                if path.suffix in _SUFFIXES:
                    times[path.stem] = max(times.get(path.stem, 0.0), found.st_mtime)
                    sizes[path.stem] += _on_blocks(found.st_size)
        return times, sizes

    # With the lock held

    def _used(self, digest: str, prompt: Prompt) -> None:
        self._open[digest] = prompt
        self._learn(digest, _on_blocks(_LAWS * prompt.frame_count * FRAME_BYTES))
        self._touch(digest)

    def _learn(self, digest: str, size_bytes: int) -> None:
        self.total_bytes += size_bytes - self._sizes.get(digest, 0)
        self._sizes[digest] = size_bytes
        self._sizes.move_to_end(digest)

    def _touch(self, digest: str) -> None:
        self._sizes.move_to_end(digest)
        try:
            os.utime(self._directory / f"{digest}{SUFFIX}")
        except OSError:
            return  # somebody deleted it by hand: it can be played as long as it is open

    def _forget(self, digest: str) -> None:
        self.total_bytes -= self._sizes.pop(digest, 0)

    def _make_room(self) -> None:
        """Deletes what was used longest ago; what is open counts as used just now."""
        if self.total_bytes <= self._limit_bytes:
            return
        count, before_bytes = 0, self.total_bytes
        for digest in list(self._sizes):
            if self.total_bytes <= self._limit_bytes:
                break
            if digest in self._open or digest in self._saving:
                self._touch(digest)
                continue
            self._forget(digest)
            self._delete(digest)
            count += 1
        log.info("prompts_deleted", count=count, freed_bytes=before_bytes - self.total_bytes)

    def _delete(self, digest: str) -> None:
        for suffix in _SUFFIXES:
            try:
                (self._directory / f"{digest}{suffix}").unlink(missing_ok=True)
            except OSError as error:
                log.warning("prompt_not_deleted", error=error.strerror)


def _on_blocks(size_bytes: int) -> int:
    return -(-size_bytes // _BLOCK_BYTES) * _BLOCK_BYTES
