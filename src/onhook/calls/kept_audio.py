"""What the record of a call says of a stream: enough to open it anew, should its media plane be gone."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from onhook.media.recorder import Recorder
from onhook.media.stream import Stream
from onhook.phone.sdp import NOBODY, RemoteMedia

_MS: Final = 1000


class KeptAudio(NamedTuple):
    """Of one leg. All of it is empty as long as it has no stream."""

    handle: int = 0
    """What the plane calls the stream, by which its memory is read when it is dead (media.remains)."""
    ssrc: int = 0
    """The source by which it sends; another one is to have another."""
    skipped: int = 0
    """How many frames, or keys, of what plays this plane was not asked for: one before it had played them."""
    at: tuple[str, int] | None = None
    """Where its peer was before it held the call at an address that is none."""
    since_ms: tuple[int, ...] = ()
    """When each of its recordings began, in the time of ``time.monotonic()``."""
    before: tuple[tuple[int, int], ...] = ()
    """In which planes that are gone an earlier process had it, and under which handles: not all that these
    told may be on disk."""

    @classmethod
    def of(
        cls,
        stream: Stream | None,
        media: RemoteMedia | None,
        playing_id: int,
        recorders: Mapping[str, Recorder],
        before: tuple[tuple[int, int], ...] = (),
    ) -> "KeptAudio":
        """The stream as it is now."""
        if stream is None or not stream.is_open:
            return cls()
        agreed = stream.agreed
        nowhere = media is not None and media.ip == NOBODY
        return cls(
            stream.handle,
            agreed.ssrc if agreed is not None else 0,
            stream.skipped(playing_id),
            agreed.remote if agreed is not None and nowhere else None,
            tuple([round(recorder.began_s * _MS) for recorder in recorders.values()])
            if recorders
            else (),
            before,
        )

    def began_s(self, number: int) -> float | None:
        """When one of its recordings began; None if that was not written."""
        return self.since_ms[number] / _MS if number < len(self.since_ms) else None

    def as_dict(self) -> dict[str, object]:
        """As JSON can hold it."""
        said: dict[str, object] = {name: value for name, value in self._asdict().items() if value}
        return said

    @classmethod
    def read(cls, found: Mapping[str, Any]) -> "KeptAudio":
        """The reverse. Raises ValueError, KeyError or TypeError for anything else."""
        at = found.get("at")
        return cls(
            int(found.get("handle", 0)),
            int(found.get("ssrc", 0)),
            int(found.get("skipped", 0)),
            None if at is None else (str(at[0]), int(at[1])),
            tuple(int(each) for each in found.get("since_ms", ())),
            tuple((int(plane), int(handle)) for plane, handle in found.get("before", ())),
        )


NO_AUDIO: Final = KeptAudio()
