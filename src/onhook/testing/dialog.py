"""The caller's side of one INVITE dialog (RFC 3261 12, 13, 15), with the faults a test asks for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from onhook.testing import routing, sdp_text, sip_rules, sip_text
from onhook.testing.audio import Audio, AudioRoute
from onhook.testing.call_log import MAX_ENTRIES, CallLog, Ended, How, SeenMessage
from onhook.testing.g711 import SILENCE, Pcm
from onhook.testing.requests import GIVE_UP_S, Repeater, Wire
from onhook.testing.sdp_text import EVENTS, AudioDescription, SdpTextError
from onhook.testing.sip_text import Address, Headers, SipMessage

ALLOW = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE"
_SDP = ("Content-Type", "application/sdp")
_ANSWERED_WITH_200 = ("OPTIONS", "INFO", "UPDATE", "NOTIFY", "CANCEL")


@dataclass(frozen=True, slots=True)
class CallScript:
    """How the phone behaves in a call; `Phone.call` documents each of these."""

    codecs: tuple[str, ...]
    payload_types: Mapping[str, int]
    offer: bool
    ack: bool
    ack_delay_s: float
    ignore_answers: int
    answer_bye: bool
    repeat_invite_after_s: tuple[float, ...]
    speech: Pcm | None


class Dialog:
    """From the INVITE to the end of the call: what arrives is answered, logged and checked."""

    def __init__(
        self,
        wire: Wire,
        server: Address,
        invite: SipMessage,
        contact_uri: str,
        audio: Audio,
        script: CallScript,
        log: CallLog,
    ) -> None:
        future = wire.loop.create_future
        self.proceeding: asyncio.Future[SipMessage | None] = future()
        """The first response of any kind; None when the call ended without one."""
        self.ringing: asyncio.Future[SipMessage | None] = future()
        """The first 180 or 183; None when the call was answered or ended without one."""
        self.answered: asyncio.Future[SipMessage | None] = future()
        """The first 2xx that was not ignored; None when the call ended without one."""
        self.over: asyncio.Future[Ended] = future()
        """The end of the call."""
        self._wire = wire
        self._server = server
        self._invite = invite
        self._contact_uri = contact_uri
        self._audio = audio
        self._script = script
        self._log = log
        self._tag = invite.from_tag
        self._cseq = invite.cseq[0]
        self._remote_tag = ""
        self._remote_cseq = -1
        self._remote_branches: set[str] = set()
        self._answers_to_ignore = script.ignore_answers
        self._cancelling = False
        self._ack: SipMessage | None = None
        self._ack_sent = False
        self._timers: list[asyncio.TimerHandle] = []
        self._repeater: Repeater | None = None

    def start(self) -> None:
        """Send the INVITE, again until something comes back (timer A), for 32 s (timer B)."""
        self._log.note("invite_sent", time.monotonic())
        self._repeater = Repeater(self._wire.loop, self.send_invite, self._timed_out)
        for delay_s in self._script.repeat_invite_after_s:
            self._timers.append(self._wire.loop.call_later(delay_s, self.send_invite))

    def send_invite(self) -> None:
        """Send the INVITE, byte for byte the first one, whatever came back."""
        self._send(self._invite, self._server)

    # What arrives

    def on_response(self, message: SipMessage, at_s: float) -> None:
        """Take a response that belongs to this call; SipTextError if it cannot be read."""
        if message.cseq[1] != "INVITE":
            self._see(message, at_s)
            self._wire.take_response(message)
        elif message.branch != self._invite.branch:
            self._see(message, at_s, ignored=True)
            self._complain(f"a {message.status} with another branch than the INVITE (8.2.6.2)")
        elif 200 <= message.status < 300:
            self._on_answer(message, at_s)
        else:
            self._see(message, at_s)
            self._check_response(message)
            if self._repeater is not None:
                self._repeater.stop()
            if message.status < 200:
                self._on_provisional(message, at_s)
            else:
                self._on_refusal(message, at_s)

    def on_request(self, message: SipMessage, at_s: float, source: Address) -> None:
        """Answer a request of the server in this call; SipTextError if it cannot be read."""
        self._see(message, at_s)
        if message.method == "ACK":
            return
        new = message.branch not in self._remote_branches
        if new and len(self._remote_branches) < MAX_ENTRIES:
            self._log.complain(*sip_rules.about_request(self._view(), message))
            self._remote_branches.add(message.branch)
            self._remote_cseq = max(self._remote_cseq, message.cseq[0])
        if message.method == "BYE":
            self._on_bye(message, at_s, source)
        elif message.method == "INVITE":
            self._on_reinvite(message, source)
        elif message.method in _ANSWERED_WITH_200:
            self._respond(message, 200, "OK", source)
        else:
            self._respond(message, 501, "Not Implemented", source, (("Allow", ALLOW),))

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
        self._send(routing.ack_of_refusal(self._invite, message), self._server)
        how = How.CANCELLED if self._cancelling and message.status == 487 else How.REJECTED
        self._finish(Ended(how, at_s, message.status, _reason_of(message) or message.reason))

    def _on_answer(self, message: SipMessage, at_s: float) -> None:
        if self._answers_to_ignore > 0:
            self._answers_to_ignore -= 1
            self._see(message, at_s, ignored=True)
            return
        self._see(message, at_s)
        self._check_response(message)
        if self._repeater is not None:
            self._repeater.stop()
        if self.answered.done():
            self._on_repeated_answer(message)
            return
        self._log.note("answered", at_s)
        media = self._read_sdp(message)
        self._ack = self._compose_ack(message, media)
        for milestone in (self.proceeding, self.ringing):
            if not milestone.done():
                milestone.set_result(None if milestone is self.ringing else message)
        self.answered.set_result(message)
        self._start_audio(media)
        if self._script.ack:
            self._later(self._script.ack_delay_s, self._send_ack)
        if self._cancelling:  # it crossed our CANCEL: the call stands, so it is ended (9.1, 15)
            self.bye()

    def _on_repeated_answer(self, message: SipMessage) -> None:
        """Repeat the ACK for a repeated 2xx (RFC 3261 13.2.2.4)."""
        first = self.answered.result()
        if first is None:
            self._complain("a 200 after the call had ended")
        elif message != first:
            self._complain("a repeated 200 differs from the first (13.3.1.4)")
        if self._ack_sent:
            self._send_ack()

    def _on_bye(self, message: SipMessage, at_s: float, source: Address) -> None:
        if self._script.answer_bye:
            self._respond(message, 200, "OK", source)
        self._log.note("bye_received", at_s)
        self._finish(Ended(How.BYE_RECEIVED, at_s, reason=_reason_of(message)))

    def _on_reinvite(self, message: SipMessage, source: Address) -> None:
        """Take a new description of the session, or offer our own again (RFC 3261 14.2)."""
        media: AudioDescription | None = None
        if message.body:
            try:
                media = sdp_text.parse(message.body)
            except SdpTextError as error:
                self._complain(f"the SDP of an INVITE within the call: {error}")
                self._respond(message, 488, "Not Acceptable Here", source)
                return
            self._start_audio(media)
        headers = (("Contact", f"<{self._contact_uri}>"), _SDP)
        self._respond(message, 200, "OK", source, headers, self._describe(media))

    # What is sent

    def bye(self, headers: Headers = ()) -> asyncio.Future[SipMessage | None]:
        """Hang up; the future yields the response, None if none came in 32 s."""
        at_s = time.monotonic()
        response = self.request("BYE", headers)
        self._log.note("bye_sent", at_s)
        self._finish(Ended(How.BYE_SENT, at_s))
        return response

    def cancel(self) -> None:
        """Send a CANCEL (RFC 3261 9.1): the INVITE's own branch, URI and number."""
        self._cancelling = True
        self._log.note("cancel_sent", time.monotonic())
        cancel = routing.cancel(self._invite)
        self._log.see(SeenMessage(time.monotonic(), True, cancel))
        self._wire.request(cancel, self._server)
        self._later(GIVE_UP_S, self._timed_out)

    def request(
        self, method: str, headers: Headers = (), body: bytes = b""
    ) -> asyncio.Future[SipMessage | None]:
        """Send a request other than INVITE within the dialog, until it is answered."""
        answer = self.answered.result() if self.answered.done() else None
        if answer is None:
            raise RuntimeError("there is no dialog yet")
        self._cseq += 1
        via = routing.via_of(self._wire.address)
        message = routing.within(self._invite, answer, via, method, self._cseq, headers, body)
        self._log.see(SeenMessage(time.monotonic(), True, message))
        return self._wire.request(message, routing.next_hop(answer) or self._server)

    def vanish(self) -> None:
        """End without a word: nothing that is still set to be sent leaves."""
        self._finish(Ended(How.VANISHED, time.monotonic()))
        for timer in self._timers:
            timer.cancel()

    def _send_ack(self) -> None:
        answer = self.answered.result()
        if self._ack is None or answer is None:
            return
        if not self._ack_sent:
            self._log.note("ack_sent", time.monotonic())
        self._ack_sent = True
        self._send(self._ack, routing.next_hop(answer) or self._server)

    def _compose_ack(self, answer: SipMessage, media: AudioDescription | None) -> SipMessage:
        """Compose the ACK of a 2xx; after an INVITE without SDP it carries our answer."""
        body = b"" if self._script.offer else self._describe(media)
        via, number = routing.via_of(self._wire.address), self._invite.cseq[0]
        return routing.within(
            self._invite, answer, via, "ACK", number, (_SDP,) if body else (), body
        )

    def _respond(
        self,
        to: SipMessage,
        status: int,
        reason: str,
        address: Address,
        headers: Headers = (),
        body: bytes = b"",
    ) -> None:
        answer = sip_text.response(to, status, reason, tag=self._tag, headers=headers, body=body)
        self._send(answer, address)

    def _send(self, message: SipMessage, to: Address) -> None:
        self._log.see(SeenMessage(time.monotonic(), True, message))
        self._wire.send(message, to)

    # The sound

    def _read_sdp(self, answer: SipMessage) -> AudioDescription | None:
        if not answer.body:
            return None
        try:
            return sdp_text.parse(answer.body)
        except SdpTextError as error:
            self._complain(f"the SDP of the 200: {error}")
            return None

    def _start_audio(self, media: AudioDescription | None) -> None:
        chosen = media.codec_of([c for c in self._script.codecs if c in SILENCE]) if media else None
        if media is None or chosen is None:
            return
        number, law = chosen
        first = self._audio.route is None
        self._audio.start(AudioRoute(media.address, law, number, media.events_type))
        if first and self._script.speech is not None:
            self._audio.say(self._script.speech)

    def _describe(self, media: AudioDescription | None) -> bytes:
        """Write our side of the session: the one codec chosen, or everything we have."""
        codecs, types = list(self._script.codecs), dict(self._script.payload_types)
        if media is not None and (chosen := media.codec_of(codecs)) is not None:
            codecs, types[chosen[1]] = [chosen[1]], chosen[0]
            if media.events_type is not None:
                codecs.append(EVENTS)
                types[EVENTS] = media.events_type
        return sdp_text.write(self._audio.address, codecs, types, session_id=2)

    # Bookkeeping

    def _view(self) -> sip_rules.DialogView:
        return sip_rules.DialogView(
            self._invite, self._contact_uri, self._remote_tag, self._remote_cseq
        )

    def _check_response(self, message: SipMessage) -> None:
        self._log.complain(*sip_rules.about_response(self._view(), message))
        self._remote_tag = self._remote_tag or message.to_tag

    def _complain(self, sentence: str) -> None:
        self._log.complain(sentence)

    def _see(self, message: SipMessage, at_s: float, *, ignored: bool = False) -> None:
        self._log.see(SeenMessage(at_s, False, message, ignored))

    def _later(self, delay_s: float, fn: Callable[[], None]) -> None:
        if delay_s <= 0:
            fn()
        else:
            self._timers.append(self._wire.loop.call_later(delay_s, fn))

    def _timed_out(self) -> None:
        self._finish(Ended(How.TIMED_OUT, time.monotonic()))

    def _finish(self, ended: Ended) -> None:
        """End the call once. A late ACK still goes out, and what arrives is still answered."""
        if self.over.done():
            return
        self._log.note("ended", ended.at_s)
        if self._repeater is not None:
            self._repeater.stop()
        self._audio.stop()
        for milestone in (self.proceeding, self.ringing, self.answered):
            if not milestone.done():
                milestone.set_result(None)
        self.over.set_result(ended)


def _reason_of(message: SipMessage) -> str:
    return message.header("Reason") or ""
