"""What an earlier switch has left, as it is read from the plane (`found.py`)."""

from collections.abc import Mapping
from typing import Any

from onhook.media._plane import ffi, lib
from onhook.media.found import FoundStream


def found_in(plane: Any) -> Mapping[int, FoundStream]:
    """The streams that nobody has adopted, by port."""
    calls = _all(plane, lib.plane_found, "struct plane_found")
    recordings: dict[int, dict[int, int]] = {}
    for each in _recordings(plane):
        recordings.setdefault(each.call, {})[each.tag] = each.recording
    ports = {each.handle: each.port for each in calls}
    return {
        each.port: FoundStream(
            port=each.port,
            handle=each.handle,
            last_play=each.last_play,
            queued=each.queued,
            bridged_to=ports.get(each.bridged_to),
            room=each.room or None,
            recordings=recordings.get(each.handle, {}),
        )
        for each in calls
    }


def recording_in(plane: Any, call: int, tag: int) -> int:
    """The handle of a recording that nobody has adopted. Raises `LookupError`."""
    for each in _recordings(plane):
        if each.call == call and each.tag == tag:
            return int(each.recording)
    raise LookupError("there is no such recording")


def _recordings(plane: Any) -> Any:
    return _all(plane, lib.plane_found_recordings, "struct plane_found_recording")


def _all(plane: Any, read: Any, kind: str) -> Any:
    count = plane(read, ffi.NULL, 0)
    out = ffi.new(f"{kind}[]", count)
    plane(read, out, count)
    return out
