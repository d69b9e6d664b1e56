"""The caller's side of the first INVITE (RFC 3261 13.2), with the faults a test asks for."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from onhook.testing import routing
from onhook.testing.call_log import CallLog, Ended, How, SeenMessage
from onhook.testing.dialog import SDP, Dialog, reason_of
from onhook.testing.requests import GIVE_UP_S, Repeater, Wire
from onhook.testing.routing import DialogRoute
from onhook.testing.sdp_text import AudioDescription
from onhook.testing.session import Session
from onhook.testing.sip_text import Address, SipMessage, uri_of


@dataclass(frozen=True, slots=True)
class CallScript:
    """How the phone behaves in a call that it places; `Phone.call` documents each of these."""

    offer: bool
    ack: bool
    ack_delay_s: float
    ignore_answers: int
    repeat_invite_after_s: tuple[float, ...]


class PlacedDialog(Dialog):
    """From our INVITE to the end of the call."""

    def __init__(
        self,
        wire: Wire,
        server: Address,
        invite: SipMessage,
        session: Session,
        script: CallScript,
        log: CallLog,
    ) -> None:
        contact_uri = uri_of(invite.need("Contact"))
        super().__init__(wire, server, invite.from_tag, contact_uri, session, log)
        self.proceeding: asyncio.Future[SipMessage | None] = wire.loop.create_future()
        """The first response of any kind; None when the call ended without one."""
        self.ringing: asyncio.Future[SipMessage | None] = wire.loop.create_future()
        """The first 180 or 183; None when the call was answered or ended without one."""
        self._invite = invite
        self._script = script
        self._cseq = invite.cseq[0]
        self._answers_to_ignore = script.ignore_answers
        self._cancelling = False
        self._ack: SipMessage | None = None
        self._ack_sent = False
        self._repeater: Repeater | None = None

    def start(self) -> None:
        """Send the INVITE, again until something comes back (timer A), for 32 s (timer B)."""
        self._log.note("invite_sent", time.monotonic())
        self._repeater = Repeater(self._wire.loop, self.send_invite, self._timed_out)
        for delay_s in self._script.repeat_invite_after_s:
            self._timers.append(self._wire.loop.call_later(delay_s, self.send_invite))

    def send_invite(self) -> None:
        """Send the INVITE, byte for byte the first one, whatever came back."""
        self._send(self._invite, self._peer)

    def cancel(self) -> None:
        """Send a CANCEL (RFC 3261 9.1): the INVITE's own branch, URI and number."""
        self._cancelling = True
        self._log.note("cancel_sent", time.monotonic())
        cancel = routing.cancel(self._invite)
        self._log.see(SeenMessage(time.monotonic(), True, cancel))
        self._wire.request(cancel, self._peer)
        self._later(GIVE_UP_S, self._timed_out)

    def _on_invite_response(self, message: SipMessage, at_s: float) -> None:
        if message.branch != self._invite.branch:
            self._see(message, at_s, ignored=True)
            self._complain(f"a {message.status} with another branch than the INVITE (8.2.6.2)")
        elif 200 <= message.status < 300:
            self._on_answer(message, at_s)
        else:
            self._see(message, at_s)
            self._check_response(self._invite, message)
            if self._repeater is not None:
                self._repeater.stop()
            if message.status < 200:
                self._on_provisional(message, at_s)
            else:
                self._on_refusal(message, at_s)

    def _on_provisional(self, message: SipMessage, at_s: float) -> None:
        if not self.proceeding.done():
            self.proceeding.set_result(message)
        if message.status == 100:
            self._log.note("trying", at_s)
        elif message.status in (180, 183) and not self.ringing.done():
            self._log.note("ringing", at_s)
            self.ringing.set_result(message)

    def _on_refusal(self, message: SipMessage, at_s: float) -> None:
        """Acknowledge a 3xx to 6xx within the transaction (RFC 3261 17.1.1.3), each time.

        After a 2xx there is no transaction that could take it (RFC 6026 8.4).
        """
        if self.answered.done() and self.answered.result() is not None:
            return
        self._send(routing.ack_of_refusal(self._invite, message), self._peer)
        how = How.CANCELLED if self._cancelling and message.status == 487 else How.REJECTED
        self._finish(Ended(how, at_s, message.status, reason_of(message) or message.reason))

    def _on_answer(self, message: SipMessage, at_s: float) -> None:
        if self._answers_to_ignore > 0:
            self._answers_to_ignore -= 1
            self._see(message, at_s, ignored=True)
            return
        self._see(message, at_s)
        self._check_response(self._invite, message)
        if self._repeater is not None:
            self._repeater.stop()
        if self.answered.done():
            self._on_repeated_answer(message)
            return
        self._log.note("answered", at_s)
        self._route = DialogRoute.of_caller(self._invite, message)
        media = self._read_sdp(message, "200")
        self._ack = self._compose_ack(self._route, media)
        for milestone in (self.proceeding, self.ringing):
            if not milestone.done():
                milestone.set_result(None if milestone is self.ringing else message)
        self.answered.set_result(message)
        self.session.take(media)
        if self._script.ack:
            self._later(self._script.ack_delay_s, self._send_ack)
        if self._cancelling:  # it crossed our CANCEL: the call stands, so it is ended (9.1, 15)
            self.bye()

    def _on_repeated_answer(self, message: SipMessage) -> None:
        """Repeat the ACK for a repeated 2xx (RFC 3261 13.2.2.4)."""
        first = self.answered.result()
        if self._was_given_up() and self._route is None:
            self._decline(message)
            return
        if first is None and not self._was_given_up():
            self._complain("a 200 after the call had ended")
        elif first is not None and message != first:
            self._complain("a repeated 200 differs from the first (13.3.1.4)")
        if self._ack_sent:
            self._send_ack()

    def _was_given_up(self) -> bool:
        """Whether nothing at all came in 32 s: whoever answers later was told nothing of that."""
        return not self._cancelling and self.over.done() and self.over.result().how is How.TIMED_OUT

    def _decline(self, answer: SipMessage) -> None:
        """End the call that a late 2xx made of an INVITE given up (RFC 3261 13.2.2.4)."""
        self._route = DialogRoute.of_caller(self._invite, answer)
        self._ack = self._compose_ack(self._route, None)
        self._send_ack()
        self.bye()

    def acknowledge(self) -> None:
        """Send the ACK now; nothing before the answer."""
        self._send_ack()

    def _send_ack(self) -> None:
        if self._ack is None or self._route is None:
            return
        if not self._ack_sent:
            self._log.note("ack_sent", time.monotonic())
        self._ack_sent = True
        self._send(self._ack, self._route.next_hop or self._peer)

    def _compose_ack(self, route: DialogRoute, media: AudioDescription | None) -> SipMessage:
        """Compose the ACK of a 2xx; after an INVITE without SDP it carries our answer."""
        body = b""
        if not self._script.offer:
            answer = self.session.answer(media) if media is not None else None
            body = answer if answer is not None else self.session.offer()
        via, number = routing.via_of(self._wire.address), self._invite.cseq[0]
        return routing.within(route, via, "ACK", number, (SDP,) if body else (), body)

    def _later(self, delay_s: float, fn: Callable[[], None]) -> None:
        if delay_s <= 0:
            fn()
        else:
            self._timers.append(self._wire.loop.call_later(delay_s, fn))

    def _timed_out(self) -> None:
        self._finish(Ended(How.TIMED_OUT, time.monotonic()))

    def _finish(self, ended: Ended) -> None:
        if self._repeater is not None:
            self._repeater.stop()
        for milestone in (self.proceeding, self.ringing):
            if not milestone.done():
                milestone.set_result(None)
        super()._finish(ended)
