"""INVITE transactions, of those sent within a call and of those received (RFC 3261 17, UDP)."""

import asyncio
import time
from collections.abc import Callable

from onhook.testing import routing, sip_text
from onhook.testing.call_log import CallLog, SeenMessage
from onhook.testing.requests import T2_S, Repeater, Wire
from onhook.testing.sip_text import Address, Headers, SipMessage


class SentInvite:
    """An INVITE of ours within a call: sent until something comes back, and acknowledged.

    `ack_of` composes the ACK of a 2xx. It is sent again for each repeated 2xx (13.2.2.4).
    """

    def __init__(
        self,
        wire: Wire,
        log: CallLog,
        message: SipMessage,
        to: Address,
        ack_of: Callable[[SipMessage], SipMessage],
    ) -> None:
        self.message = message
        self.answered: asyncio.Future[SipMessage | None] = wire.loop.create_future()
        """The first final response; None when none came in 32 s, or when the call ended."""
        self._wire, self._log, self._to, self._ack_of = wire, log, to, ack_of
        self._ack: SipMessage | None = None
        self._repeater = Repeater(wire.loop, lambda: self._send(message), self.stop)

    def take(self, message: SipMessage) -> bool:
        """Take a response; true for the first final one."""
        self._repeater.stop()
        if message.status < 200:
            return False
        first = self._ack is None
        if self._ack is None:
            accepted = message.status < 300
            refused = routing.ack_of_refusal
            self._ack = self._ack_of(message) if accepted else refused(self.message, message)
        self._send(self._ack)
        if not self.answered.done():
            self.answered.set_result(message)
        return first

    def stop(self) -> None:
        """Wait no longer."""
        self._repeater.stop()
        if not self.answered.done():
            self.answered.set_result(None)

    def _send(self, message: SipMessage) -> None:
        self._log.see(SeenMessage(time.monotonic(), True, message))
        self._wire.send(message, self._to)


class ReceivedInvite:
    """An INVITE that we answer: its final response is sent again until the ACK comes.

    So is a 2xx, every T1 to T2 for 32 s (13.3.1.4), and so are the others (timers G and H).
    """

    def __init__(
        self, wire: Wire, log: CallLog, invite: SipMessage, source: Address, tag: str
    ) -> None:
        self.invite = invite
        self.final: SipMessage | None = None
        """The final response, once it was sent."""
        self.acked: asyncio.Future[SipMessage | None] = wire.loop.create_future()
        """The ACK of the final response; None when none came in 32 s, or the call was dropped."""
        self._wire, self._log, self._source, self._tag = wire, log, source, tag
        self._last: SipMessage | None = None
        self._repeater: Repeater | None = None

    def respond(
        self, status: int, reason: str, headers: Headers = (), body: bytes = b""
    ) -> SipMessage:
        """Send a response: once if it is provisional, otherwise until it is acknowledged."""
        tag = self._tag if status > 100 else ""
        message = sip_text.response(
            self.invite, status, reason, tag=tag, headers=headers, body=body
        )
        self._last = message
        if status < 200:
            self.repeat()
        else:
            self.final = message
            self._repeater = Repeater(self._wire.loop, self.repeat, self.stop, cap_s=T2_S)
        return message

    def repeat(self) -> None:
        """Send the last response again: the INVITE was repeated (17.2.1)."""
        if self._last is not None:
            self._log.see(SeenMessage(time.monotonic(), True, self._last))
            self._wire.send(self._last, self._source)

    def take_ack(self, message: SipMessage) -> bool:
        """Take an ACK; true for the first one that belongs to this INVITE's final response."""
        if self.final is None or message.cseq[0] != self.invite.cseq[0] or self.acked.done():
            return False
        if self._repeater is not None:
            self._repeater.stop()
        self.acked.set_result(message)
        return True

    def stop(self) -> None:
        """Send nothing more, and wait no longer for the ACK."""
        if self._repeater is not None:
            self._repeater.stop()
        if not self.acked.done():
            self.acked.set_result(None)
