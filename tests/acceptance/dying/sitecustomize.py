"""Kills a switch at a point that a test names. Python loads this by itself where this directory is in
PYTHONPATH.

The test writes ``POINT SESSION`` into the file that ``TEST_DIES_AT`` names. The next switch that comes there
for this session (without one: for any) deletes the file, and is dead by SIGKILL before it does anything else;
with ``failing-POINT`` it fails there instead, and with ``plane-POINT`` the media plane dies that it has. With
``second-POINT`` it is dead when it comes there for the second time. What stands in the lines behind comes
after that.
"""

import importlib.util
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

WHERE = os.environ.get("TEST_DIES_AT", "")


def no_plane(*_: object) -> int:
    """Nothing is known there of the media plane."""
    raise LookupError("there is no media plane at this point")


def die_at(point: str, sessions: Sequence[str], plane: Callable[[], int]) -> None:
    """The end of this process, if a test says so."""
    try:
        now, _, later = Path(WHERE).read_text().partition("\n")
        armed, *wanted = now.split()
    except (OSError, ValueError):
        return
    how = armed.removesuffix(point)
    if how == "second-" and armed == how + point and (not wanted or wanted[0] in sessions):
        Path(WHERE).write_text(" ".join([point, *wanted]))
        return
    if (
        how in ("", "failing-", "plane-")
        and armed == how + point
        and (not wanted or wanted[0] in sessions)
    ):
        if later:
            Path(WHERE).write_text(later)
        else:
            Path(WHERE).unlink()
        if how == "failing-":
            raise RuntimeError("as a test wants it")
        os.kill(plane() if how else os.getpid(), signal.SIGKILL)


def before(
    owner: Any,
    name: str,
    point: str,
    of: Callable[..., Sequence[str]],
    plane: Callable[..., int] = no_plane,
) -> None:
    """The point is before this function is called."""
    function = getattr(owner, name)

    def changed(*arguments: Any, **named: Any) -> Any:
        die_at(point, of(*arguments), lambda: plane(*arguments))
        return function(*arguments, **named)

    setattr(owner, name, changed)


def after(
    owner: Any,
    name: str,
    point: str,
    of: Callable[..., Sequence[str]],
    plane: Callable[..., int] = no_plane,
) -> None:
    """The point is when this function has done its work, and nobody has what it returns."""
    function = getattr(owner, name)

    def changed(*arguments: Any, **named: Any) -> Any:
        result = function(*arguments, **named)
        die_at(point, of(*arguments), lambda: plane(*arguments))
        return result

    setattr(owner, name, changed)


def _written(_: object, __: object, batch: Sequence[Any]) -> list[str]:
    return [call.session for writes in batch for call in writes.calls]


def _settled(_: object, batch: Sequence[Any], error: object) -> list[str]:
    return [call.session for writes, _ in batch for call in writes.calls] if not error else []


def _journal(module: ModuleType) -> None:
    """What came of an event was done, and is not written."""
    before(module.Journal, "write", "done", lambda _, session, *__: [session])


def _writer(module: ModuleType) -> None:
    """The rows stand in a transaction; or that is on disk, and nobody was told."""
    after(module.Writer, "_write", "uncommitted", _written)
    before(module.Writer, "_settle", "committed", _settled)


def _live_call(module: ModuleType) -> None:
    """A call was taken over, and others were not; the plane and the phone have told nothing. Or all of it
    was taken over but for what is written of it."""

    def session(call: Any, *_: object) -> list[str]:
        return [call.record.session]

    def plane(call: Any, *_: object) -> int:
        return int(call._services.plane.last_pid)

    after(module.LiveCall, "take_over", "adopting", session, plane)
    before(module.LiveCall, "save_dialog", "half-adopted", session)


def _adoption(module: ModuleType) -> None:
    """A call is to be taken over; or it was not, and its recording is to be ended with its stream."""
    before(module.Adoption, "_adopt", "unadopted", lambda _, record, *__: [record.session])
    before(module.Adoption, "_end", "ending-recording", lambda *_: [])


def _call_media(module: ModuleType) -> None:
    """The beep was heard, as is known here and nowhere else; or the recording has begun, and nothing is
    written of it."""
    before(module.CallMedia, "record", "beeped", lambda *_: [])
    after(module.CallMedia, "record", "recording", lambda *_: [])


def _takeover(module: ModuleType) -> None:
    """All calls were taken over, and what nobody wanted was let go."""
    before(module, "tell_on", "adopted", lambda *_: [], lambda planes, _: planes[-1].last_pid)


def _reviving(module: ModuleType) -> None:
    """The next plane is there, and has not this stream yet; or it has all of them, and none of what plays."""

    def plane(reviving: Any, *_: object) -> int:
        return int(reviving.last_pid)

    before(module.RevivingPlane, "_reopened", "reopening", lambda *_: [], plane)
    before(module.RevivingPlane, "_record_again", "reopened", lambda *_: [], plane)


CHANGES = {
    "onhook.calls.journal": _journal,
    "onhook.store.writer": _writer,
    "onhook.calls.live_call": _live_call,
    "onhook.calls.adoption.adoption": _adoption,
    "onhook.calls.call_media": _call_media,
    "onhook.server.takeover": _takeover,
    "onhook.media.reviving": _reviving,
}


class Changing(Loader):
    """Changes a module as soon as it is there."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        CHANGES[module.__name__](module)


class Finder(MetaPathFinder):
    """Finds the modules that are to be changed."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in CHANGES:
            return None
        sys.meta_path.remove(self)
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            sys.meta_path.insert(0, self)
        if spec is not None and spec.loader is not None:
            spec.loader = Changing(spec.loader)
        return spec


if WHERE:
    sys.meta_path.insert(0, Finder())
