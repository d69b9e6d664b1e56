"""What the record of a call says of how it goes on, for a process after this one: written and read.

The object in the column ``going_on``::

    v         VERSION
    plane     the process of the media plane that has its audio, or had it last
    call      the call (call.snapshot)
    event     the number of the newest event of the plane whose effects are in here
    legs      the first leg, and the peer if there is one
        leg         what it kept (FirstLeg.kept); its keys are encrypted, the rest of its phone is packed
        port        of its audio; 0 if it has none yet
        playing     what plays (playing.Playing)
        newest      the number of what was asked to be played last; where there was anything
        recordings  the names of those that go on
        audio       its stream, as far as another plane needs to know of it (kept_audio.KeptAudio)
    request   of the block in progress: what it needs besides (CallRequests.kept)
    keys      those of the last seconds of which the phone may tell a second time (keypad.Keypad); where there
              are any

What is not in it follows from what is:

====================  ====================================================================================
timers                from ``due_at`` and ``expires_at`` of the call; they are monotonic
bill                  from the record: ``answered_mono_ms``, and the rate, which is that of both legs once a
                      peer has answered
credit held           from the answer and the rate: a step is held again, up to the one that is due next
                      (credit.Meter.resume); at the ``rate`` of the request, while its peer rings
limit of calls        one for each call that goes on (concurrency)
room                  its name, and who is muted, from the request; who sits there, from the plane
bridge                from the plane; where it has none, from the phase of the transfer
message               the digests of its prompts, in the request. What repeats it plays on in the plane
a message that is     ``rest`` of what plays: its end is the end of what was queued, whatever the record says
still being made      of its number, and then it is broken off
monitor, recordings   their names, of the leg; their links, of the call
silence               asked about again if the plane has heard nothing for long (silence.SilenceWatch)
audio one way only    nothing: it is looked for anew
turn                  nothing: who has not been called yet is called at once, in the order of the calls
presence              from the plane, and what comes next
number of requests    the highest that is spoken of: whoever asked for another got no answer
first of the tags     it is in the record, and its call was answered, or is ours
====================  ====================================================================================

It is made by the thread that writes, so it is of values that nobody changes. Reading is as strict as
writing: what cannot be read is settled, as a call is that nobody can go on with.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from onhook.call import Call, snapshot
from onhook.calls.call_media import CallMedia
from onhook.calls.kept_audio import NO_AUDIO, KeptAudio
from onhook.calls.keypad import KeptPress
from onhook.calls.playing import Playing
from onhook.calls.sealing import Sealing
from onhook.phone.kept.packing import packed, unpacked
from onhook.store import StoredGoingOn

VERSION: Final = 1


class NotAdoptable(ValueError):
    """The call cannot be taken over, and is settled; the message is the reason that the log gives."""


class KeptLeg(NamedTuple):
    """One leg of a call; ``kept`` is what its signalling kept."""

    kept: Mapping[str, Any]
    port: int
    playing: Playing | None = None
    recordings: tuple[str, ...] = ()
    audio: KeptAudio = NO_AUDIO
    newest: int = 0

    @classmethod
    def of(cls, kept: Mapping[str, object], media: CallMedia) -> "KeptLeg":
        """The leg as it is now."""
        port = media.port if media.reserved else 0
        player = media.player
        return cls(kept, port, player.playing, media.recordings, media.audio, player.newest)

    def as_dict(self, sealing: Sealing) -> dict[str, object]:
        """As JSON can hold it, its keys encrypted."""
        leg = {**self.kept, "phone": packed(sealing.sealed(self.kept["phone"]))}
        said: dict[str, object] = {"leg": leg, "port": self.port}
        if self.playing is not None:
            said["playing"] = self.playing.as_dict()
        if self.recordings:
            said["recordings"] = self.recordings
        if self.audio != NO_AUDIO:
            said["audio"] = self.audio.as_dict()
        if self.newest:
            said["newest"] = self.newest
        return said


class KeptCall(NamedTuple):
    """A call that goes on."""

    call: Call
    event: int
    legs: tuple[KeptLeg, ...]
    request: Mapping[str, object]
    plane: int = 0
    keys: tuple[KeptPress, ...] = ()

    @property
    def first(self) -> KeptLeg:
        """The leg by which it began."""
        return self.legs[0]

    @property
    def peer(self) -> KeptLeg | None:
        """Whom it is joined to, or about to be."""
        return self.legs[1] if len(self.legs) > 1 else None

    @property
    def last_request(self) -> int:
        """The highest number of a request that is still spoken of."""
        playing, job = self.first.playing, self.call.job
        return max(job.request_id if job else 0, playing.request if playing else 0)

    def says_what(self, written: "KeptCall | None") -> bool:
        """Whether nothing of it is another than what is ``written``, but for what was told in vain."""
        return (
            written is not None
            and self.legs == written.legs
            and self.plane == written.plane
            and self.request == written.request
            and snapshot.at_rest(self.call) == snapshot.at_rest(written.call)
        )

    def stored(self, sealing: Sealing) -> StoredGoingOn:
        """For the record."""
        return StoredGoingOn(lambda: self._as_dict(sealing))

    def _as_dict(self, sealing: Sealing) -> Mapping[str, object]:
        said: dict[str, object] = {
            "v": VERSION,
            "plane": self.plane,
            "call": snapshot.of(self.call),
            "event": self.event,
            "legs": [leg.as_dict(sealing) for leg in self.legs],
            "request": self.request,
        }
        if self.keys:
            said["keys"] = self.keys
        return said


def read(stored: StoredGoingOn, sealing: Sealing) -> KeptCall:
    """What is written in a record. Raises :class:`NotAdoptable`."""
    found = stored.values
    if not found:
        raise NotAdoptable("its record does not say how it goes on")
    if found.get("v") != VERSION:
        raise NotAdoptable("its record is of another version")
    try:
        return _read(found, sealing)
    except snapshot.SnapshotUnreadable as error:
        raise NotAdoptable(f"its state cannot be read: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NotAdoptable("its record cannot be read") from error


def _read(found: Mapping[str, Any], sealing: Sealing) -> KeptCall:
    legs = tuple(_leg(one, sealing) for one in found["legs"])
    if not 1 <= len(legs) <= 2:
        raise ValueError("a call has one leg or two")
    return KeptCall(
        call=snapshot.restored(found["call"]),
        event=int(found["event"]),
        legs=legs,
        request=dict(found["request"]),
        plane=int(found["plane"]),
        keys=tuple(
            (str(way), str(digit), float(at_s)) for way, digit, at_s in found.get("keys", ())
        ),
    )


def _leg(found: Mapping[str, Any], sealing: Sealing) -> KeptLeg:
    playing, leg = found.get("playing"), found["leg"]
    return KeptLeg(
        kept={**leg, "phone": unpacked(sealing.opened(leg["phone"]))},
        port=int(found["port"]),
        playing=None if playing is None else Playing.of(playing),
        recordings=tuple(str(name) for name in found.get("recordings", ())),
        audio=KeptAudio.read(found.get("audio", {})),
        newest=int(found.get("newest", 0)),
    )
