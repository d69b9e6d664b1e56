"""What nobody took over in the plane ends, and what was recorded of it is finished."""

import errno
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from onhook.calls.adoption.adoption import Adoption
from onhook.calls.playing import tag_of
from onhook.calls.recordings.store import RecordingStore
from onhook.media.found import FoundStream

LOST, OTHER = "a" * 32, "b" * 32
OF_ITS_FILE = PermissionError(
    errno.EACCES, os.strerror(errno.EACCES), f"/var/lib/onhook/recordings/{LOST}.pcm"
)


class Plane:
    """Has a stream of each of these recordings, of which nothing is heard any more but that it ends."""

    running = True

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.ended: list[str] = []

    def found(self) -> dict[int, FoundStream]:
        return {
            port: FoundStream(port, handle=port, last_play=0, recordings={tag_of(name): 1})
            for port, name in enumerate((LOST, OTHER), start=10)
        }

    def adopt(self, found: FoundStream, **_: object) -> Any:
        if tag_of(LOST) in found.recordings:
            raise self._error
        return SimpleNamespace(
            adopt_recording=lambda tag, _: None, close=lambda: self.ended.append("other")
        )

    def let_go_of_rest(self) -> None:
        self.ended.append("rest")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OF_ITS_FILE, "Permission denied"),
        (OSError(f"{LOST} is nowhere"), "OSError"),
        (RuntimeError(f"{LOST} is nowhere"), "RuntimeError"),
    ],
)
def test_one_that_cannot_be_ended_keeps_no_other_from_it_and_its_name_is_not_logged(
    tmp_path: Path, error: Exception, reason: str
) -> None:
    plane, recordings = Plane(error), RecordingStore(tmp_path, "http://127.0.0.1", kept_s=60)
    for name in (LOST, OTHER):
        os.close(recordings.open_spool(name))
    services: Any = SimpleNamespace(plane=plane)
    nothing: Any = None
    with capture_logs() as logs:
        Adoption(services, nothing, nothing, nothing).let_go(recordings)
    assert plane.ended == ["other", "rest"]
    assert logs == [{"event": "recording_not_taken_over", "log_level": "error", "reason": reason}]
