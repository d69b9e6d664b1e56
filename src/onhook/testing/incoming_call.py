"""A call that the test phone was called with; what it can do once answered is in `CallLeg`."""

from collections.abc import Mapping, Sequence

from onhook.testing import sip_text
from onhook.testing.audio import Audio
from onhook.testing.call_leg import CallLeg
from onhook.testing.call_log import CallLog, Ended, How
from onhook.testing.g711 import Pcm
from onhook.testing.sdp_text import EVENTS
from onhook.testing.seen_call import WAIT_S, PhoneError, PhoneTimeout
from onhook.testing.sip_text import Headers, SipMessage
from onhook.testing.taken import TakenDialog

LAWS = ("PCMU", "PCMA")
REASONS = {
    300: "Multiple Choices",
    302: "Moved Temporarily",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    408: "Request Timeout",
    480: "Temporarily Unavailable",
    484: "Address Incomplete",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    500: "Server Internal Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    600: "Busy Everywhere",
    603: "Decline",
}
"""The phrases of RFC 3261 21 for what a phone or a trunk refuses a call with."""


class IncomingPhoneCall(CallLeg):
    """A call that `Phone.incoming` returned, which waits to be answered or refused.

    A 100 was sent; all else is up to the test.
    """

    _dialog: TakenDialog

    def __init__(self, dialog: TakenDialog, audio: Audio, log: CallLog, call_id: str) -> None:
        super().__init__(dialog, audio, log, call_id)

    @property
    def invite(self) -> SipMessage:
        """The INVITE, as it came."""
        return self._dialog.invite

    @property
    def called(self) -> str:
        """The number that was called: the user part of the Request-URI."""
        return sip_text.user_of(self.invite.uri)

    @property
    def caller_id(self) -> str:
        """Who calls, by From: the user part, "anonymous" for one who wants to stay unknown."""
        return sip_text.user_of(sip_text.uri_of(self.invite.need("From")))

    @property
    def asserted(self) -> str:
        """Who calls, by P-Asserted-Identity (RFC 3325 9.1), "" without one."""
        identities = self.invite.values("P-Asserted-Identity")
        return sip_text.user_of(sip_text.uri_of(identities[0])) if identities else ""

    @property
    def privacy(self) -> str:
        """The Privacy header (RFC 3323), such as "id"; "" without one."""
        return self.invite.header("Privacy") or ""

    @property
    def offered(self) -> list[str]:
        """The names of the codecs that the INVITE offers, in order; empty without SDP."""
        offer = self._dialog.offer
        return list(offer.payload_types.values()) if offer is not None else []

    def ring(self, status: int = 180, reason: str = "Ringing", *, media: bool = False) -> None:
        """Send a provisional response; any number of times. Raises PhoneError once it is too late.

        media: with SDP, though nothing is heard yet; what `early_media` says is heard then.
        """
        self._need_no_answer("ring")
        if media and not self._dialog.described:
            self._accept_codecs(LAWS, telephone_event=True)
        self._dialog.progress(status, reason, media=media)

    async def early_media(self, pcm: Pcm) -> None:
        """Send a 183 with SDP, then play samples to the caller; return when they have left.

        Raises PhoneError once it is too late, or if the INVITE has no offer to answer.
        """
        self._need_no_answer("play before the answer")
        if self._dialog.offer is None:
            raise PhoneError("the INVITE has no SDP that could be answered before the 200")
        if not self._dialog.described:
            self._accept_codecs(LAWS, telephone_event=True)
        await self._dialog.say_early(pcm)

    async def answer(
        self,
        codecs: Sequence[str] = LAWS,
        *,
        telephone_event: bool = True,
        payload_types: Mapping[str, int] | None = None,
        ptime_ms: int = 20,
        talk: bool | Pcm = True,
        answer_bye: bool = True,
        ignore_acks: int = 0,
        headers: Headers = (),
        timeout_s: float = WAIT_S,
    ) -> SipMessage:
        """Send a 200 with SDP, repeat it until the ACK comes, and return the ACK.

        codecs: what the phone takes. The first of the offer that is among them is answered, alone;
            when the INVITE has no offer, the 200 offers them all. After `early_media` the codec
            is decided, and this has no effect.
        telephone_event: take RFC 4733 key presses, if they are offered.
        payload_types: numbers that the answer asks for in place of those of the offer; only that
            of telephone-event can differ.
        ptime_ms: how much sound the phone's packets have.
        talk: True sends silence from the 200 on; an array of 8000 Hz samples is said first;
            False sends nothing at all.
        answer_bye: with False the server's BYEs stay unanswered. The call ends all the same.
        ignore_acks: act as if the first so many ACKs had been lost.
        headers: more header lines of the 200.

        Raises PhoneError if no codec fits or it is too late, PhoneTimeout when no ACK comes.
        """
        self._need_no_answer("answer")
        if not self._dialog.described:
            self._accept_codecs(codecs, telephone_event=telephone_event)
            self._dialog.session.answered_types = payload_types or {}
            self.audio.frame_ms = ptime_ms
        self._dialog.acks_to_ignore = ignore_acks
        self._dialog.answer_bye = answer_bye
        self.audio.talk = talk is not False
        if not isinstance(talk, bool):
            self._dialog.session.speech = talk
        self._dialog.accept(headers)
        return await self.acknowledged(timeout_s)

    def reject(self, status: int, reason: str = "", *, headers: Headers = ()) -> None:
        """Refuse the call: a final response of 300 to 699, repeated until it is acknowledged.

        Raises PhoneError once it is too late, ValueError for another status.
        """
        if not 300 <= status < 700:
            raise ValueError(f"{status} does not refuse a call")
        self._need_no_answer("refuse")
        self._dialog.refuse(status, reason or REASONS.get(status, "Refused"), headers)

    def redirect(self, uri: str) -> None:
        """Send the caller elsewhere: a 302 with this URI as its Contact (RFC 3261 21.3.3)."""
        self.reject(302, headers=[("Contact", f"<{uri}>")])

    async def cancelled(self, timeout_s: float = WAIT_S) -> Ended:
        """Wait until the caller gives up; the phone answers the CANCEL, and the INVITE with 487.

        Raises PhoneError if the call ended in another way, PhoneTimeout.
        """
        ended = await self._wait(self._dialog.over, "a CANCEL", timeout_s)
        if ended.how is not How.CANCEL_RECEIVED:
            raise PhoneError(f"the call was not cancelled but {ended.how}\n{self.log.ladder()}")
        return ended

    def ignore_cancel(self) -> None:
        """Answer a CANCEL as one that came too late: its 200, but no 487 (RFC 3261 9.2).

        `answer` then crosses it, and the server has to hang up.
        """
        self._dialog.heeds_cancel = False

    async def acknowledged(self, timeout_s: float = WAIT_S) -> SipMessage:
        """Wait for the ACK of the final response, and return it. Raises PhoneTimeout."""
        ack = await self._wait(self._dialog.first.acked, "the ACK", timeout_s)
        if ack is None:
            raise PhoneTimeout(f"no ACK came\n{self.log.ladder()}")
        return ack

    async def hang_up(self, *, headers: Headers = (), timeout_s: float = WAIT_S) -> Ended:
        """Send BYE, wait for its answer, return how the call ended; see `CallLeg.hang_up`.

        The callee may not hang up before the ACK came (RFC 3261 15), so this waits for it.
        """
        if self.is_up() and not self._dialog.first.acked.done():
            await self._wait(self._dialog.first.acked, "the ACK", timeout_s)
        return await super().hang_up(headers=headers, timeout_s=timeout_s)

    async def leave(self) -> Ended:
        """End the call in the way that fits: BYE once it is answered, 480 before."""
        if self.is_up():
            return await self.hang_up()
        if not self.is_over():
            self.reject(480)
            await self.acknowledged()
        return await self.ended()

    def _accept_codecs(self, codecs: Sequence[str], *, telephone_event: bool) -> None:
        offer = self._dialog.offer
        if offer is None and self.invite.body:
            raise PhoneError(f"the SDP of the INVITE cannot be read: {self.complaints}")
        if offer is not None and offer.codec_of(codecs) is None:
            raise PhoneError(f"none of {', '.join(codecs)} is offered, but {self.offered}")
        self._dialog.session.codecs = (*codecs, EVENTS) if telephone_event else tuple(codecs)

    def _need_no_answer(self, purpose: str) -> None:
        self._raise_if_over()
        if self._dialog.first.final is not None:
            raise PhoneError(f"the call is answered: the phone cannot {purpose} now")
