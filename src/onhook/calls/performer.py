"""Performs the effects of a call: on its first leg, its audio, its peer, its room, and its requests.

Two kinds of effects are none of its: what is accepted and what is notified goes into the call's book.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, get_args

from onhook import call as machine
from onhook.call import effects
from onhook.calls import clock
from onhook.calls.call_media import CallMedia
from onhook.calls.call_requests import CallRequests
from onhook.calls.first_leg import FirstLeg
from onhook.calls.leg_trace import OTHER, LegTrace
from onhook.calls.ongoing import OngoingCall
from onhook.calls.peer import Peer, PeerOwner
from onhook.calls.reasons import reason_of, reason_of_rejection
from onhook.calls.resources import Resources
from onhook.calls.services import CallServices
from onhook.phone.reason import NO_ANSWER
from onhook.registry import complete


class Performer:
    """Has what the effects of one call are performed on.

    ``hear`` makes the listener of a peer for which there are these resources; ``soon`` calls back in
    the next turn of the event loop.
    """

    __slots__ = (
        "_call",
        "_hear",
        "_leg",
        "_media",
        "_requests",
        "_services",
        "_soon",
        "launch",
        "peer",
    )

    def __init__(
        self,
        call: OngoingCall,
        leg: FirstLeg,
        media: CallMedia,
        requests: CallRequests,
        services: CallServices,
        hear: Callable[[Resources], PeerOwner],
        soon: Callable[[Callable[[], None]], object],
    ) -> None:
        self._call = call
        self._leg = leg
        self._media = media
        self._requests = requests
        self._services = services
        self._hear = hear
        self._soon = soon
        self.peer: Peer | None = None
        self.launch: Callable[[], None] | None = None
        """Sends the INVITE to the peer, which waits for its record to be written."""

    def pass_on(self, digit: str) -> None:
        """A key that the peer, unlike those that come in RTP, does not get by itself."""
        if self.peer is not None:
            self.peer.pass_on(digit)

    def drop_peer(self, _: effects.DropPeer | None = None) -> None:
        """Hangs the peer up, if there is one; while the call goes on that is one who does not answer."""
        end = self._call.now.end
        if self.peer is not None:
            self.peer.drop(NO_ANSWER if end is None else reason_of(end))

    def reserve(self, _: effects.Reserve) -> None:
        """Asks nothing: whoever asked goes on to prepare."""

    def refuse(self, effect: effects.Refuse | effects.Overtake) -> None:
        """The request is answered with an error."""
        self._requests.of(effect.request_id).refuse(effect.status)

    def answer(self, effect: effects.Answer) -> None:
        """200, and the stream is open before it leaves, and recorded."""
        port = self._media.port
        offer = self._leg.offer
        if offer is not None:
            self._media.open(offer, self._leg.latching())
        if effect.recording:
            self._media.record_unsaid(effect.recording)
        self._leg.answer(port)

    def reject(self, effect: effects.Reject) -> None:
        """A final response, after which nothing more is heard of the caller."""
        reason = reason_of_rejection(self._call.now.end, effect.code)
        self._leg.reject(effect.code, (reason.header, *effect.headers))
        self._soon(lambda: self._call.feed(machine.HangupDone(clock.now_s())))

    def hang_up(self, effect: effects.HangUp) -> None:
        """BYE, or CANCEL to a callee."""
        self._leg.hangup(reason_of(self._call.now.end), effect.headers)

    def play(self, effect: effects.Play, done: int = 0) -> None:
        """The message of a request, of which ``done`` frames were heard before, and a beep."""
        request_id = effect.request_id
        self._media.player.say(
            request_id,
            self._requests.resources_of(request_id),
            self.on_played(request_id),
            self.on_broken(request_id),
            beep=effect.beep,
            done=done,
            on_last=self.on_last(effect.recording),
        )

    def on_last(self, recording: str) -> Callable[[int], None] | None:
        """Hears the number of what plays last before this recording, which is ready by now."""
        return self._media.prepare_recording(recording) if recording else None

    def on_played(self, request_id: int) -> Callable[[float], None]:
        """Hears when the last frame left of what plays for a request."""
        return lambda at_s: self._call.feed(machine.Played(at_s, request_id))

    def on_broken(self, request_id: int) -> Callable[[], None]:
        """Hears that the end of its message cannot be made."""
        return lambda: self._call.feed(machine.MessageBroken(clock.now_s(), request_id))

    def loop(self, effect: effects.Loop) -> None:
        """The message of a request, again and again."""
        request_id = effect.request_id
        self._media.player.loop_message(request_id, self._requests.resources_of(request_id))

    def ring_back(self, _: effects.RingBack) -> None:
        """The tone of somebody else's phone."""
        self._media.player.ring_back()

    def send_digits(self, effect: effects.SendDigits, done: int = 0) -> None:
        """Keys, behind what plays, but for those that are ``done``."""
        heard = self.on_played(effect.request_id)
        self._media.player.send_digits(effect.request_id, effect.digits, heard, done)

    def stop_playing(self, _: effects.StopMedia | effects.StopPlaying) -> None:
        """Cuts off what plays."""
        self._media.player.stop_playing()

    def start_recording(self, effect: effects.StartRecording) -> None:
        """Both sides, from now on."""
        self._media.record(effect.name)

    def stop_recording(self, effect: effects.StopRecording) -> None:
        """It is complete."""
        self._media.stop_recording(effect.name)

    def reach(self, effect: effects.Reach) -> None:
        """Calls the peer; its INVITE leaves when what takes it back is on disk."""
        resources = self._requests.resources_of(effect.request_id)
        if resources.callee is None:
            raise AssertionError("nobody to be reached was found")
        services = self._services
        if self.peer is not None:
            self.peer.release()
        self.peer = self.new_peer(resources)
        self.peer.reach(resources.callee, services.outbound)
        self._call.dialog_changed()
        self.launch = self.peer.launch

    def new_peer(self, resources: Resources) -> Peer:
        """The second leg, which nobody has called yet."""
        services = self._services
        return Peer(
            self._hear(resources),
            resources.digits,
            plane=services.plane,
            spools=services.spools,
            silence_s=services.silence_s,
            behind=services.journal.behind,
            trace=LegTrace(services.trace, self._call.record.session, OTHER),
        )

    def bridge(self, _: effects.Bridge) -> None:
        """The two legs hear one another."""
        if self.peer is not None:
            self._media.join(self.peer.media)

    def join_room(self, effect: effects.JoinRoom) -> None:
        """The call takes the seat that it has."""
        seat = self._requests.resources_of(effect.request_id).seat
        if seat is not None and self._media.stream is not None:
            seat.sit(self._media.stream)


Performance: TypeAlias = Callable[[Performer, Any], None]
"""Performs an effect of one kind."""

EFFECTS: Final = frozenset(get_args(effects.Effect)) - {effects.Accept, effects.Notify}
"""The effects that are performed; the other two are written."""

PERFORM: Final[Mapping[type, Performance]] = complete(
    "performer",
    EFFECTS,
    {
        effects.Reserve: Performer.reserve,
        effects.Refuse: Performer.refuse,
        effects.Overtake: Performer.refuse,
        effects.Answer: Performer.answer,
        effects.Reject: Performer.reject,
        effects.HangUp: Performer.hang_up,
        effects.Play: Performer.play,
        effects.Loop: Performer.loop,
        effects.RingBack: Performer.ring_back,
        effects.SendDigits: Performer.send_digits,
        effects.StopPlaying: Performer.stop_playing,
        effects.StopMedia: Performer.stop_playing,
        effects.StartRecording: Performer.start_recording,
        effects.StopRecording: Performer.stop_recording,
        effects.Reach: Performer.reach,
        effects.Bridge: Performer.bridge,
        effects.DropPeer: Performer.drop_peer,
        effects.JoinRoom: Performer.join_room,
    },
)
"""Who performs what, by the kind of effect."""
