"""The first leg of a call that we place: somebody is called, and becomes the call."""

import asyncio
from collections.abc import Callable

from onhook.phone.cause import SipCause
from onhook.phone.dialog import DialogRecord
from onhook.phone.endpoint import OutgoingListener
from onhook.phone.incoming import IncomingCall
from onhook.server.callees import Callee
from onhook.server.outbound import Outbound, OutboundLeg


class PlacedLeg:
    """A leg that is known before it is placed: it can be hung up at any time."""

    def __init__(self, callee: Callee, outbound: Outbound) -> None:
        self._callee = callee
        self._outbound = outbound
        self._leg: OutboundLeg | None = None
        self._given_up = False

    def place(self, port: int, listener: OutgoingListener) -> None:
        """Calls the callee. Raises RuntimeError if that cannot even be begun."""
        if not self._given_up:
            self._leg = self._outbound.dial(self._callee, port=port, listener=listener)

    def hangup(self, on_done: Callable[[SipCause], None]) -> None:
        """CANCEL until the answer, BYE afterwards; ``on_done`` is for what was never placed."""
        self._given_up = True
        if self._leg is not None:
            self._leg.hangup()
        else:
            asyncio.get_running_loop().call_soon(on_done, SipCause())

    def probe(self, on_result: Callable[[SipCause], None]) -> bool:
        """Asks the callee's phone whether it still has the call; False if that cannot be done now."""
        return self._leg is not None and self._leg.probe(on_result)

    def record(self) -> DialogRecord | None:
        """What it takes to end it after a restart."""
        return None if self._leg is None else self._leg.record()


Leg = IncomingCall | PlacedLeg
"""The first leg of a call."""
