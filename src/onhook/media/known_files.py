"""The files that the plane has mapped: each once, for as long as anybody here has it open.

A prompt may be in thousands of calls. What it costs the plane, a descriptor that is handed over and a
mapping, it costs once.
"""

import contextlib
from collections.abc import Callable
from typing import Any
from weakref import ref

import structlog

from onhook.media._plane import ffi, lib
from onhook.media.frame_file import FrameFile

log = structlog.get_logger()


class KnownFiles:
    """`ask` gives the plane a command (as in `play_queue.py`), and `soon` calls on its loop, from any thread.

    One is good for a plane from its start to its end.
    """

    def __init__(
        self, ask: Callable[..., int], soon: Callable[[Callable[[Any], None], Any], object]
    ) -> None:
        self._ask = ask
        self._soon = soon
        self._handles: dict[ref[FrameFile], int] = {}

    def handle_of(self, file: FrameFile) -> int:
        """What the plane calls it. Raises `NotRunning`, `QueueFull` when it knows too many, and `OSError`."""
        handle = self._handles.get(ref(file))
        if handle is None:
            out = ffi.new("uint64_t *")
            added = self._ask(lib.plane_add_prompt, file.descriptor, 0, file.frame_count, out)
            if added & lib.PLANE_CUT_SHORT:
                log.error("prompt_cut_short", frames=file.frame_count)
            handle = self._handles[ref(file, self._closed)] = out[0]
        return handle

    def forget(self) -> None:
        """The plane has come to its end."""
        self._handles.clear()

    def _closed(self, gone: "ref[FrameFile]") -> None:
        """In whichever thread let go of it, in the middle of anything."""
        with contextlib.suppress(RuntimeError):  # the loop is closed, and the plane with it
            self._soon(self._drop, gone)

    def _drop(self, gone: "ref[FrameFile]") -> None:
        handle = self._handles.pop(gone, None)
        if handle is not None:
            self._ask(lib.plane_drop_prompt, handle)
