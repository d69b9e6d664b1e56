"""The first leg of a call that we place: somebody is called, and becomes the call."""

from collections.abc import Callable
from typing import Protocol

from onhook.calls.callees import Callee
from onhook.calls.dialogs import OpenDialog
from onhook.calls.outbound import Outbound, OutboundLeg
from onhook.calls.turns import Turn
from onhook.media.stream import Latching
from onhook.phone.cause import SipCause
from onhook.phone.incoming import IncomingCall
from onhook.phone.lifecycle import OutgoingListener


class PlacedListener(OutgoingListener, Protocol):
    """Who owns a leg that is placed."""

    def trunk_changed(self) -> None:
        """Another trunk is tried next: what it takes to end the leg is to be written, then launched."""


class PlacedLeg:
    """A leg that is known, and can be hung up, before its INVITE leaves: at once, or when it is the
    leg's ``turn``."""

    def __init__(self, callee: Callee, outbound: Outbound, turn: Turn | None = None) -> None:
        self._callee = callee
        self._outbound = outbound
        self._turn = turn
        self._leg: OutboundLeg | None = None
        self.on_heard: Callable[[], None] = lambda: None
        """As of an IncomingCall; to be set before :meth:`prepare`."""

    def prepare(self, port: int, listener: PlacedListener) -> None:
        """Makes the call; nothing leaves before :meth:`launch`."""
        self._leg = self._outbound.dial(
            self._callee, port=port, listener=listener, on_next=listener.trunk_changed
        )
        self._leg.on_heard = self.on_heard

    def launch(self) -> None:
        """The INVITE leaves, of this trunk or of the next one, which needs no turn."""
        if self._leg is None:
            return
        turn, self._turn = self._turn, None
        if turn is None:
            self._leg.launch()
        else:
            turn.take(self._leg.launch)

    def hangup(self) -> None:
        """CANCEL until the answer, BYE afterwards."""
        if self._leg is not None:
            self._leg.hangup()

    def probe(self, on_result: Callable[[SipCause], None]) -> bool:
        """Asks the callee's phone whether it still has the call; False if that cannot be done now."""
        return self._leg is not None and self._leg.probe(on_result)

    def dialog(self) -> OpenDialog | None:
        """What it takes to end it after a restart."""
        return None if self._leg is None else open_dialog(self._leg)

    def latching(self) -> Latching:
        """Where the callee's audio may come from."""
        return Latching() if self._leg is None else self._leg.latching()


def open_dialog(leg: OutboundLeg) -> OpenDialog | None:
    """What it takes to end a leg that we placed."""
    record = leg.record()
    return None if record is None else OpenDialog(record, leg.trunk)


Leg = IncomingCall | PlacedLeg
"""The first leg of a call."""


def latching_of(leg: Leg, *, anybody: bool) -> Latching:
    """Where the audio of a first leg may come from; ``anybody`` counts for calls that come in."""
    if isinstance(leg, PlacedLeg):
        return leg.latching()
    return Latching(leg.signalling_ips, anybody)
