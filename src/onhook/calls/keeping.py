"""Says of a call, with each change of it, what another process needs to go on with it."""

from collections.abc import Mapping

from onhook.call import Call, State, snapshot
from onhook.calls.call_media import CallMedia
from onhook.calls.call_requests import CallRequests
from onhook.calls.first_leg import FirstLeg
from onhook.calls.going_on import KeptCall, KeptLeg
from onhook.calls.keypad import Keypad
from onhook.calls.performer import Performer
from onhook.calls.services import CallServices
from onhook.store import StoredGoingOn


class Keeping:
    """Knows the parts of one call, and what was said of them last."""

    __slots__ = (
        "_first",
        "_keypad",
        "_leg",
        "_media",
        "_performer",
        "_plane",
        "_requests",
        "_said",
        "_sealing",
        "_second",
        "heard_until",
    )

    def __init__(
        self,
        leg: FirstLeg,
        media: CallMedia,
        performer: Performer,
        requests: CallRequests,
        keypad: Keypad,
        services: CallServices,
    ) -> None:
        self._leg = leg
        self._media = media
        self._performer = performer
        self._requests = requests
        self._keypad = keypad
        self._plane, self._sealing = services.plane, services.sealing
        self._first: Mapping[str, object] | None = None
        self._second: Mapping[str, object] | None = None
        self._said: KeptCall | None = None
        self.heard_until = 0
        """Of an earlier process's call: up to which event its effects are in the record already."""

    def now(self, call: Call, *, legs: bool) -> StoredGoingOn | None:
        """How the call goes on; None if it is as it was said last, or if the call is on its way out.

        ``legs`` says that the signalling of its legs may be another than it was the last time.
        """
        if call.end is not None or (not legs and self._is_only_asked(call)):
            return None
        peer = self._performer.peer
        if legs or self._first is None:
            self._first = self._leg.kept()
            self._second = peer.kept() if peer is not None else None
        if self._first is None:
            return None
        legs_now: tuple[KeptLeg, ...] = (KeptLeg.of(self._first, self._media),)
        if peer is not None and self._second is not None:
            legs_now = (*legs_now, KeptLeg.of(self._second, peer.media))
        kept = KeptCall(
            call,
            max(self._plane.event_at_hand, self.heard_until),
            legs_now,
            self._requests.kept(),
            self._plane.last_pid,
            self._keypad.kept(),
        )
        if kept.says_what(self._said):
            return None
        self._said = kept
        return kept.stored(self._sealing)

    def _is_only_asked(self, call: Call) -> bool:
        """Whether a request is being prepared, and nothing else is new: that is not written."""
        said = self._said
        return (
            call.state is State.PREPARING
            and said is not None
            and said.plane == self._plane.last_pid
            and self._media.player.playing is said.first.playing
            and snapshot.at_rest(call) == snapshot.at_rest(said.call)
        )
