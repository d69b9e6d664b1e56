"""Goes on with the audio of a call of an earlier process, and with its peer and its room.

What the media plane has and what the record says may differ by what happened last: the record is right. What
it says and the plane does not have is begun anew; what the plane has and it does not say is ended. A plane
that is new has nothing: then all of it is begun anew, and goes on where it was, as far as that is known.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from onhook.call.works import Meeting, Transferring
from onhook.call.works.transfer import Phase
from onhook.calls.call_media import CallMedia, LeftAudio
from onhook.calls.call_requests import CallRequests
from onhook.calls.first_leg import FirstLeg
from onhook.calls.going_on import KeptCall, KeptLeg
from onhook.calls.ongoing import OngoingCall
from onhook.calls.outbound import KeptOutbound
from onhook.calls.performer import Performer
from onhook.calls.play_takeover import PlayTakeover
from onhook.calls.resources import Resources
from onhook.calls.services import CallServices
from onhook.calls.speaking import NOTHING, PreparedMessage
from onhook.media.found import FoundStream
from onhook.media.stream import Stream


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """What there is of a call beside its record: its audio in the media plane, whom it is joined to, what its
    block needs, and what is repeated to it since before its block."""

    first: LeftAudio
    peer: LeftAudio = field(default_factory=LeftAudio)
    peer_leg: KeptOutbound | None = None
    resources: Resources = field(default_factory=Resources)
    looped: PreparedMessage = NOTHING


class Takeover:
    """Has the parts of one call, whose phone and requests were taken over already."""

    def __init__(
        self,
        call: OngoingCall,
        leg: FirstLeg,
        media: CallMedia,
        performer: Performer,
        requests: CallRequests,
        services: CallServices,
    ) -> None:
        self._call = call
        self._leg = leg
        self._media = media
        self._performer = performer
        self._requests = requests
        self._services = services

    def go_on(self, kept: KeptCall, left: LeftBehind) -> None:
        """Everything, as the record says. Raises LookupError, NoPortLeft and what else of the media plane."""
        leg, found = self._leg, left.first.found
        agreed = leg.agreed or (leg.offer if found is not None else None)
        first = kept.first
        job = kept.call.job
        self._media.take_over(
            left.first,
            agreed,
            leg.latching(),
            first.audio,
            first.recordings,
            prepared=job.work.records if job is not None else "",
        )
        if kept.peer is not None and left.peer_leg is not None:
            self._go_on_with_peer(left.peer_leg, left, kept, kept.peer)
        stream = self._media.stream
        if stream is None:
            return
        found = found or FoundStream(stream.port, stream.handle, last_play=0)
        self._sit(stream, found, left.resources)
        plays = PlayTakeover(
            self._call,
            self._performer,
            self._media.player,
            self._requests,
            found,
            self._hold,
            reached=left.first.reached,
            skipped=first.audio.skipped,
            looped=left.looped,
        )
        plays.go_on(first.playing, first.newest)

    def _hold(self) -> Callable[[], None]:
        """What the plane tells now is told to the next switch, too: until all is on disk that is submitted
        when this is let go."""
        plane = self._services.plane
        let_go = plane.acknowledging.hold(plane.event_at_hand)
        return lambda: self._services.journal.behind(let_go)

    def _go_on_with_peer(
        self, leg: KeptOutbound, left: LeftBehind, kept: KeptCall, kept_peer: KeptLeg
    ) -> None:
        self._performer.peer = peer = self._performer.new_peer(left.resources)
        peer.take_over(self._services.outbound, leg, left.peer, kept_peer.audio)
        found = left.first.found
        bridged = found is not None and left.peer.found is not None and found.bridged_to == leg.port
        first, second = self._media.stream, peer.media.stream
        if bridged and first is not None and second is not None:
            first.adopt_bridge(second)
        elif self._hear_each_other(kept):
            self._media.join(peer.media)

    def _hear_each_other(self, kept: KeptCall) -> bool:
        """Whether the two should by now: they are joined; or the peer rings, and there is no ring back any
        more, because it is heard."""
        job = kept.call.job
        work = job.work if job is not None else None
        if not isinstance(work, Transferring) or work.phase is Phase.SAYING:
            return False
        return work.phase is Phase.JOINED or kept.first.playing is None

    def _sit(self, stream: Stream, found: FoundStream, resources: Resources) -> None:
        """Its seat in a room is the one that it has, where it has one."""
        job, seat = self._call.now.job, resources.seat
        work = job.work if job is not None else None
        joined = isinstance(work, Meeting) and work.joined and seat is not None
        if found.room is None:
            if joined and seat is not None:
                seat.sit(stream)
            return
        try:
            mix = self._services.plane.adopt_room(found.room)
        except (
            LookupError
        ):  # whoever was taken over before it was the last there, and left: it is closed
            if joined and seat is not None:
                seat.sit(stream)
            return
        if joined and seat is not None:
            seat.take_back(stream, mix)
        else:
            mix.remove(stream)
