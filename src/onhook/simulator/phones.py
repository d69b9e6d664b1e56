"""Phones without SIP: a caller's call to us, and whom we call, as the owner of a call meets them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from onhook.phone.cause import SipCause
from onhook.phone.dialog import DialogRecord
from onhook.phone.identity import Caller, PhoneUser
from onhook.phone.inbound.sources import Origin
from onhook.phone.lifecycle import CallState, OutgoingListener
from onhook.phone.outgoing import CANCELLED
from onhook.phone.reason import Reason
from onhook.phone.reply import HeaderLines
from onhook.phone.sdp import RemoteMedia, SdpCodec
from onhook.phone.trunk import Trunk
from onhook.simulator.line import Line

_HERE: Final = ("127.0.0.1", 5060)
_EVENTS: Final = 101
_WORDS: Final[Mapping[int, str]] = {
    404: "Not Found",
    408: "Request Timeout",
    480: "Temporarily Unavailable",
    486: "Busy Here",
    503: "Service Unavailable",
    603: "Decline",
}
_CAUSES: Final[Mapping[int, int]] = {404: 1, 480: 18, 486: 17, 603: 21}
"""Q.850's, of the SIP statuses (RFC 3398)."""


def refusal(code: int) -> SipCause:
    """What a phone says that does not take a call."""
    return SipCause(code, _CAUSES.get(code), _WORDS.get(code, ""))


class _Leg:
    """What both have in common: a dialog that nobody sees."""

    origin = Origin()
    source = _HERE
    signalling_ips = ("127.0.0.1",)
    custom_headers: HeaderLines = ()
    parting_headers: HeaderLines = ()
    listener: Any = None
    state: CallState
    owes_refusal = False

    def __init__(self, line: Line) -> None:
        self.line = line
        self.sip_call_id = f"{line.number}@simulator"
        self.agreed: RemoteMedia | None = None
        self.on_heard: Callable[[], None] = lambda: None
        self.once_kept: Callable[[Callable[[], None]], None] = lambda then: then()
        self._loop = asyncio.get_running_loop()

    @property
    def media(self) -> RemoteMedia:
        """Where its audio is: its number is all that is to be known of it."""
        return RemoteMedia("127.0.0.1", self.line.number, (SdpCodec.PCMU,), _EVENTS)

    def record(self) -> DialogRecord:
        """What would be needed to end it after a restart."""
        name = f"<sip:{self.line.number}@127.0.0.1>;tag=simulator"
        return DialogRecord(self.sip_call_id, name, name, 1, "sip:simulator", (), _HERE)

    def kept(self) -> Mapping[str, object]:
        """No other process goes on with it."""
        return {}

    def probe(self, on_result: Callable[[SipCause], None]) -> bool:
        """Its phone is there."""
        self._loop.call_soon(on_result, SipCause(200))
        return True

    def release(self) -> None:
        """Nobody listens any more."""
        self.listener = None

    def abandon(self) -> None:
        """Nothing more is said."""
        self.release()

    def _tell(self, what: str, *given: object) -> None:
        """Soon, as the owner may be in the middle of something."""

        def tell() -> None:
            if self.listener is not None:
                getattr(self.listener, what)(*given)

        self._loop.call_soon(tell)

    def _end(self, ended_by: str, code: int | None = None) -> None:
        self.state = CallState.ENDED
        self.line.is_over(ended_by, code)


class CallerLeg(_Leg):
    """The call of somebody who calls us (phone.IncomingCall)."""

    offers_while_ringing = False

    def __init__(
        self, line: Line, called: str, caller: str, headers: Sequence[tuple[str, str]] = ()
    ) -> None:
        super().__init__(line)
        self.state = CallState.OFFERED
        self.called = PhoneUser(called)
        self.addressed = (self.called,)
        self.caller = Caller((PhoneUser(caller),) if caller else ())
        self.custom_headers = tuple(headers)

    @property
    def offer(self) -> RemoteMedia:
        """Its audio."""
        return self.media

    def secure(self, _: object) -> None:
        """Nobody can listen."""

    def ring(self, ip: str = "", port: int = 0) -> None:
        """180."""
        self.line.rings()

    def answer(self, *, ip: str, port: int) -> None:
        """200; its ACK comes at once."""
        self.state, self.agreed = CallState.ANSWERED, self.media
        self.line.answers()
        self._loop.call_soon(self._acknowledge)

    def _acknowledge(self) -> None:
        if self.state is CallState.ANSWERED:
            self.state = CallState.ESTABLISHED
            self._tell("acknowledged", None)

    def reject(self, code: int, reason: str | None = None, headers: HeaderLines = ()) -> None:
        """A final response."""
        self._end("refused", code)

    def hangup(self, reason: Reason | None = None) -> None:
        """BYE of ours."""
        if self.state is not CallState.ENDED:
            self._end("onhook")
            self._tell("hangup_done", SipCause(200))

    def hang_up(self) -> None:
        """The caller does: CANCEL, or BYE."""
        if self.state is CallState.ENDED:
            return
        waits = self.state is CallState.OFFERED
        self._end("us")
        self._tell("cancelled" if waits else "hung_up", SipCause())


class CalleeLeg(_Leg):
    """A call of ours (phone.OutgoingCall)."""

    others: tuple[Any, ...] = ()
    heard = True

    def __init__(self, line: Line, trunk: Trunk, called: str, listener: OutgoingListener) -> None:
        super().__init__(line)
        self.trunk = trunk
        self.called = called
        self.listener = listener
        self.state = CallState.DIALLING

    def ring(self) -> None:
        """180."""
        if self.state is CallState.DIALLING:
            self.state = CallState.PROCEEDING
            self.line.rings()
            self._tell("progressed", 180, None)

    def answer(self) -> None:
        """200."""
        if self.state in (CallState.DIALLING, CallState.PROCEEDING):
            self.state, self.agreed = CallState.ESTABLISHED, self.media
            self.line.answers()
            self._tell("answered", self.media)

    def refuse(self, code: int) -> None:
        """A final response other than 200."""
        if self.state in (CallState.DIALLING, CallState.PROCEEDING):
            self._end("refused", code)
            self._tell("failed", refusal(code))

    def hang_up(self) -> None:
        """The callee does."""
        if self.state is CallState.ESTABLISHED:
            self._end("us")
            self._tell("hung_up", SipCause())
        else:
            self.refuse(603)

    def hangup(self, reason: Reason | None = None) -> None:
        """CANCEL of ours, or BYE."""
        if self.state is CallState.ESTABLISHED:
            self._end("onhook")
            self._tell("hangup_done", SipCause(200))
        elif self.state is not CallState.ENDED:
            self._end("withdrawn")
            self._tell("failed", CANCELLED)

    def give_up(self, reason: Reason | None = None) -> None:
        """The same."""
        self.hangup(reason)


@dataclass(frozen=True, slots=True)
class Manner:
    """How a number takes calls."""

    refuses: int | None = None
    """With this SIP status, at once."""
    answers_after_s: float | None = None
    """By itself; None: as a test says."""


class _NoServers:
    """Nobody looks up where trunks are (phone.Locator)."""

    def servers_of(self, _: Trunk) -> Sequence[Any]:
        """Nothing is known."""
        return ()


class SimulatedDialler:
    """Places calls (calls.outbound.Dialler)."""

    def __init__(self, new_line: Callable[[str], Line], manner_of: Callable[[str], Manner]) -> None:
        self.locator = _NoServers()
        self._new_line = new_line
        self._manner_of = manner_of
        self.dialled: list[CalleeLeg] = []
        """Every call that was placed, until it is taken."""

    def dial(
        self,
        trunk: Trunk,
        called: str,
        caller: object,
        *,
        listener: OutgoingListener,
        at_once: bool = True,
        headers: HeaderLines = (),
        **_: object,
    ) -> CalleeLeg:
        """A call whose phone rings when it is launched."""
        leg = CalleeLeg(self._new_line(called), trunk, called, listener)
        leg.custom_headers = headers
        if at_once:
            self.launch(leg)
        return leg

    def launch(self, call: CalleeLeg, on_sent: Callable[[], None] | None = None) -> None:
        """Its phone rings, or does what its number does."""
        loop, manner = asyncio.get_running_loop(), self._manner_of(call.called)
        if on_sent is not None:
            on_sent()
        if manner.refuses is not None:
            loop.call_soon(call.refuse, manner.refuses)
            return
        self.dialled.append(call)
        loop.call_soon(call.ring)
        if manner.answers_after_s is not None:
            loop.call_later(manner.answers_after_s, call.answer)

    def local_address_towards(self, peer: str) -> str:
        """An address that nobody sends anything to."""
        return "127.0.0.1"
