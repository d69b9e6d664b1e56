"""The callee's side of the first INVITE (RFC 3261 13.3), with the faults a test asks for."""

import asyncio
import time

from onhook.testing import sip_rules
from onhook.testing.call_log import CallLog, Ended, How
from onhook.testing.dialog import ALLOW, SDP, Dialog, reason_of
from onhook.testing.g711 import Pcm
from onhook.testing.invites import ReceivedInvite
from onhook.testing.requests import Wire
from onhook.testing.routing import DialogRoute
from onhook.testing.session import Session
from onhook.testing.sip_text import Address, Headers, SipMessage


class TakenDialog(Dialog):
    """From the server's INVITE to the end of the call."""

    def __init__(
        self,
        wire: Wire,
        source: Address,
        invite: SipMessage,
        tag: str,
        contact_uri: str,
        session: Session,
        log: CallLog,
    ) -> None:
        super().__init__(wire, source, tag, contact_uri, session, log)
        self.invite = invite
        self.first = ReceivedInvite(wire, log, invite, source, tag)
        """The INVITE that made the call, and how it was answered."""
        self.offer = self._read_sdp(invite, "INVITE")
        """What the INVITE offers; None without SDP, or with SDP that cannot be read."""
        self.heeds_cancel = True
        """With False a CANCEL is answered, and nothing else: as if it had come too late."""
        self.acks_to_ignore = 0
        """Act as if so many ACKs had been lost."""
        self._source = source
        self._body = b""
        self._received = self.first
        self._remote_tag = invite.from_tag
        self._remote_cseq = invite.cseq[0]
        self._remote_branches = {invite.branch}
        self._route = DialogRoute.of_callee(invite, tag, f"<{contact_uri}>")

    @property
    def described(self) -> bool:
        """Tell whether a response has carried the description of the session."""
        return bool(self._body)

    def start(self, at_s: float) -> None:
        """Take the INVITE: check it, and send a 100, so that it is not repeated."""
        self._see(self.invite, at_s)
        self._log.note("invite_received", at_s)
        self._log.complain(*sip_rules.about_invite(self.invite))
        self.first.respond(100, "Trying")

    # What arrives

    def on_request(self, message: SipMessage, at_s: float, source: Address) -> None:
        """Answer a request in this call, the INVITE's repetitions and its CANCEL too."""
        if message.method == "ACK" and self.acks_to_ignore > 0:
            self.acks_to_ignore -= 1
            self._see(message, at_s, ignored=True)
        elif message.branch != self.invite.branch or message.method == "ACK":
            super().on_request(message, at_s, source)
        elif message.method == "CANCEL":
            self._see(message, at_s)
            self._on_cancel(message, at_s, source)
        else:
            self._see(message, at_s)
            self.first.repeat()

    def _on_cancel(self, message: SipMessage, at_s: float, source: Address) -> None:
        """Answer a CANCEL, and the INVITE with it unless that has its answer (RFC 3261 9.2)."""
        self._log.complain(*sip_rules.about_cancel(self.invite, message))
        self._respond(message, 200, "OK", source)
        self._log.note("cancel_received", at_s)
        if not self.heeds_cancel or self.first.final is not None:
            return
        self.first.respond(487, "Request Terminated")
        self._finish(Ended(How.CANCEL_RECEIVED, at_s, 487, reason_of(message)))

    def _on_bye(self, message: SipMessage, at_s: float, source: Address) -> None:
        """End the call; a BYE while the phone rings ends the INVITE too (RFC 3261 15.1.2)."""
        super()._on_bye(message, at_s, source)
        if self.first.final is None:
            self.first.respond(487, "Request Terminated")

    # What is sent

    def progress(self, status: int, reason: str, *, media: bool) -> None:
        """Send a provisional response; with `media` its SDP is the answer that the 200 repeats."""
        headers: list[tuple[str, str]] = [self._contact(), ("Allow", ALLOW)]
        if media:
            self._describe()
            headers.append(SDP)
        self.first.respond(status, reason, headers, self._body if media else b"")
        if status in (180, 183):
            self._log.note("ringing", time.monotonic())
        if media:
            self.session.take(self.offer)

    def accept(self, headers: Headers) -> None:
        """Send the 200, until it is acknowledged."""
        self._describe()
        more = (self._contact(), ("Allow", ALLOW), SDP, *headers)
        self._log.note("answered", time.monotonic())
        final = self.first.respond(200, "OK", more, self._body)
        self.answered.set_result(final)
        self.first.acked.add_done_callback(self._on_acked)
        self.session.take(self.offer)

    def refuse(self, status: int, reason: str, headers: Headers = ()) -> None:
        """Send a final response of 300 to 699, until it is acknowledged."""
        at_s = time.monotonic()
        self.first.respond(status, reason, headers)
        self._finish(Ended(How.REJECTION_SENT, at_s, status, reason))

    def say_early(self, pcm: Pcm) -> asyncio.Future[None]:
        """Begin the sound before the answer, with a 183 (RFC 3960 2)."""
        self.progress(183, "Session Progress", media=True)
        return self.session.audio.say(pcm)

    def _on_acked(self, acked: asyncio.Future[SipMessage | None]) -> None:
        """Hang up when the 200 was never acknowledged (RFC 3261 13.3.1.4)."""
        if acked.result() is None and not self.over.done():
            self._bye(How.NO_ACK)

    def _contact(self) -> tuple[str, str]:
        return "Contact", f"<{self._contact_uri}>"

    def _describe(self) -> None:
        """Write the one description of the session that all responses to the INVITE carry."""
        if not self._body:
            answer = self.session.answer(self.offer) if self.offer is not None else None
            self._body = answer if answer is not None else self.session.offer()

    def vanish(self) -> None:
        """End without a word: nothing that is still set to be sent leaves."""
        super().vanish()
        self.first.stop()
