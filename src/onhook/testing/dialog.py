"""One call of the test phone within its dialog (RFC 3261 12, 14, 15), whoever placed it."""

import asyncio
import time

from onhook.testing import routing, sdp_text, sip_rules, sip_text
from onhook.testing.call_log import MAX_ENTRIES, CallLog, Ended, How, SeenMessage
from onhook.testing.invites import ReceivedInvite, SentInvite
from onhook.testing.requests import Wire
from onhook.testing.routing import DialogRoute
from onhook.testing.sdp_text import AudioDescription, SdpTextError
from onhook.testing.session import Session
from onhook.testing.sip_text import Address, Headers, SipMessage

ALLOW = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE"
SDP = ("Content-Type", "application/sdp")
_ANSWERED_WITH_200 = ("OPTIONS", "INFO", "UPDATE", "NOTIFY", "CANCEL")


class Dialog:
    """What arrives within a call is answered, logged and checked; requests of ours go out.

    The two sides of the first INVITE are `PlacedDialog` and `TakenDialog`.
    """

    def __init__(
        self, wire: Wire, peer: Address, tag: str, contact_uri: str, session: Session, log: CallLog
    ) -> None:
        self.answered: asyncio.Future[SipMessage | None] = wire.loop.create_future()
        """The first 2xx to the INVITE; None when the call ended without one."""
        self.over: asyncio.Future[Ended] = wire.loop.create_future()
        """The end of the call."""
        self.session = session
        """The sound, and what is said of it."""
        self.tag = tag
        """The phone's own tag."""
        self.answer_bye = True
        """With False the other side's BYE stays unanswered."""
        self._wire = wire
        self._peer = peer
        self._contact_uri = contact_uri
        self._log = log
        self._cseq = 0
        self._route: DialogRoute | None = None
        self._remote_tag = ""
        self._remote_cseq = -1
        self._remote_branches: set[str] = set()
        self._received: ReceivedInvite | None = None
        self._sent: SentInvite | None = None
        """The last INVITE of ours within the call."""
        self._sent_by_branch: dict[str, SentInvite] = {}
        """All of them: the 200 to one before the last may come again."""
        self._timers: list[asyncio.TimerHandle] = []

    # What arrives

    def on_response(self, message: SipMessage, at_s: float) -> None:
        """Take a response that belongs to this call; SipTextError if it cannot be read."""
        if message.cseq[1] != "INVITE":
            self._see(message, at_s)
            self._wire.take_response(message)
        elif message.branch in self._sent_by_branch:
            self._see(message, at_s)
            self._on_reinvite_response(self._sent_by_branch[message.branch], message)
        else:
            self._on_invite_response(message, at_s)

    def on_request(self, message: SipMessage, at_s: float, source: Address) -> None:
        """Answer a request of the server in this call; SipTextError if it cannot be read."""
        self._see(message, at_s)
        if message.method == "ACK":
            self._on_ack(message, at_s)
            return
        new = message.branch not in self._remote_branches
        if new and len(self._remote_branches) < MAX_ENTRIES:
            self._check_request(message)
            self._remote_branches.add(message.branch)
            self._remote_cseq = max(self._remote_cseq, message.cseq[0])
        if message.method == "BYE":
            self._on_bye(message, at_s, source)
        elif message.method == "INVITE":
            self._on_reinvite(message, source)
        elif message.method in _ANSWERED_WITH_200:
            self._respond(message, 200, "OK", source, _agreed_timer(message))
        else:
            self._respond(message, 501, "Not Implemented", source, (("Allow", ALLOW),))

    def _on_invite_response(self, message: SipMessage, at_s: float) -> None:
        """Take a response to an INVITE that the phone does not know, or to the first one."""
        self._see(message, at_s, ignored=True)
        self._complain(f"a {message.status} to an INVITE that was not sent (8.2.6.2)")

    def _on_bye(self, message: SipMessage, at_s: float, source: Address) -> None:
        if self.answer_bye:
            self._respond(message, 200, "OK", source)
        self._log.note("bye_received", at_s)
        self._finish(Ended(How.BYE_RECEIVED, at_s, reason=reason_of(message)))

    def _on_ack(self, message: SipMessage, at_s: float) -> None:
        received = self._received
        if received is None or received.final is None or not received.take_ack(message):
            return
        self._log.complain(
            *sip_rules.about_ack(received.invite, received.final, message, self._contact_uri)
        )
        self._log.note("ack_received", at_s)
        if message.body:
            self.session.take(self._read_sdp(message, "ACK"))

    def _on_reinvite(self, message: SipMessage, source: Address) -> None:
        """Take a new description of the session, or offer our own again (RFC 3261 14.2)."""
        if self._received is not None and message.branch == self._received.invite.branch:
            self._received.repeat()
            return
        received = ReceivedInvite(self._wire, self._log, message, source, self.tag)
        if self._received is not None:
            self._received.stop()
        self._received = received
        if self._sent is not None and not self._sent.answered.done():
            received.respond(491, "Request Pending")
            return
        offer = self._read_sdp(message, "INVITE within the call") if message.body else None
        body = self.session.answer(offer) if offer is not None else None
        if message.body and body is None:
            received.respond(488, "Not Acceptable Here")
            return
        if self._route is not None:
            self._route = self._route.refreshed(message)
        self.session.take(offer)
        contact = ("Contact", f"<{self._contact_uri}>")
        headers = (contact, ("Allow", ALLOW), *_agreed_timer(message), SDP)
        received.respond(200, "OK", headers, body if body is not None else self.session.offer())

    def _on_reinvite_response(self, sent: SentInvite, message: SipMessage) -> None:
        if message.status > 100:
            self._check_response(sent.message, message)
        if not sent.take(message) or message.status >= 300:
            return
        if self._route is not None:
            self._route = self._route.refreshed(message)
        media = self._read_sdp(message, "200") if message.body else None
        if media is not None and sent.message.body:
            offered = sdp_text.parse(sent.message.body).direction
            self._log.complain(*sip_rules.about_direction(offered, media.direction))
        self.session.take(media)

    # What is sent

    def bye(self, headers: Headers = ()) -> asyncio.Future[SipMessage | None]:
        """Hang up; the future yields the response, None if none came in 32 s."""
        return self._bye(How.BYE_SENT, headers)

    def request(
        self, method: str, headers: Headers = (), body: bytes = b""
    ) -> asyncio.Future[SipMessage | None]:
        """Send a request other than INVITE within the dialog, until it is answered."""
        message, to = self._compose(method, headers, body)
        self._log.see(SeenMessage(time.monotonic(), True, message))
        return self._wire.request(message, to)

    def reinvite(self, direction: str) -> asyncio.Future[SipMessage | None]:
        """Offer the session anew; the future yields the final response, None if none came."""
        if self._sent is not None:
            self._sent.stop()
        headers = (("Allow", ALLOW), SDP)
        message, to = self._compose("INVITE", headers, self.session.offer(direction))
        self._sent = SentInvite(self._wire, self._log, message, to, self._ack_of_reinvite)
        self._sent_by_branch[message.branch] = self._sent
        return self._sent.answered

    def update(self, direction: str) -> asyncio.Future[SipMessage | None]:
        """Offer the session anew by UPDATE (RFC 3311); the future yields the final response."""
        return self.request("UPDATE", (SDP,), self.session.offer(direction))

    def take_answer(self, response: SipMessage) -> None:
        """Take the description in the response to an UPDATE."""
        self.session.take(self._read_sdp(response, "200"))

    def vanish(self) -> None:
        """End without a word: nothing that is still set to be sent leaves."""
        self._finish(Ended(How.VANISHED, time.monotonic()))
        for timer in self._timers:
            timer.cancel()
        if self._received is not None:
            self._received.stop()

    def _bye(self, how: How, headers: Headers = ()) -> asyncio.Future[SipMessage | None]:
        at_s = time.monotonic()
        response = self.request("BYE", headers)
        self._log.note("bye_sent", at_s)
        self._finish(Ended(how, at_s))
        return response

    def _compose(self, method: str, headers: Headers, body: bytes) -> tuple[SipMessage, Address]:
        """Compose the next request of ours, and say where it goes."""
        if self._route is None:
            raise RuntimeError("there is no dialog yet")
        self._cseq += 1
        via = routing.via_of(self._wire.address)
        message = routing.within(self._route, via, method, self._cseq, headers, body)
        return message, self._route.next_hop or self._peer

    def _ack_of_reinvite(self, answer: SipMessage) -> SipMessage:
        assert self._route is not None  # the re-INVITE went along it
        via = routing.via_of(self._wire.address)
        return routing.within(self._route.refreshed(answer), via, "ACK", answer.cseq[0])

    def _respond(
        self,
        to: SipMessage,
        status: int,
        reason: str,
        address: Address,
        headers: Headers = (),
        body: bytes = b"",
    ) -> None:
        answer = sip_text.response(to, status, reason, tag=self.tag, headers=headers, body=body)
        self._send(answer, address)

    def _send(self, message: SipMessage, to: Address) -> None:
        self._log.see(SeenMessage(time.monotonic(), True, message))
        self._wire.send(message, to)

    # Bookkeeping

    def _read_sdp(self, message: SipMessage, where: str) -> AudioDescription | None:
        if not message.body:
            return None
        try:
            return sdp_text.parse(message.body)
        except SdpTextError as error:
            self._complain(f"the SDP of the {where}: {error}")
            return None

    def _check_request(self, message: SipMessage) -> None:
        view = sip_rules.DialogView(
            self._contact_uri, self.tag, self._remote_tag, self._remote_cseq
        )
        self._log.complain(*sip_rules.about_request(view, message))

    def _check_response(self, invite: SipMessage, message: SipMessage) -> None:
        self._log.complain(*sip_rules.about_response(invite, self._remote_tag, message))
        self._remote_tag = self._remote_tag or message.to_tag

    def _complain(self, sentence: str) -> None:
        self._log.complain(sentence)

    def _see(self, message: SipMessage, at_s: float, *, ignored: bool = False) -> None:
        self._log.see(SeenMessage(at_s, False, message, ignored))

    def _finish(self, ended: Ended) -> None:
        """End the call once. A late ACK still goes out, and what arrives is still answered."""
        if self.over.done():
            return
        self._log.note("ended", ended.at_s)
        self.session.audio.stop()
        if self._sent is not None:
            self._sent.stop()
        if not self.answered.done():
            self.answered.set_result(None)
        self.over.set_result(ended)


def _agreed_timer(request: SipMessage) -> Headers:
    """What a 200 says of a session timer: what the server asked for (RFC 4028 9)."""
    asked = request.header("Session-Expires")
    return (("Require", "timer"), ("Session-Expires", asked)) if asked else ()


def reason_of(message: SipMessage) -> str:
    """Return the Reason header (RFC 3326), "" when there is none."""
    return message.header("Reason") or ""
