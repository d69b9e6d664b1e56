"""One call of the test phone, as a test sees it: talk, press keys, hold, hang up, look back."""

import asyncio
from collections.abc import Mapping, Sequence

from onhook.testing import rtp
from onhook.testing.call_log import Ended
from onhook.testing.g711 import Pcm
from onhook.testing.seen_call import WAIT_S, PhoneError, PhoneTimeout, SeenCall
from onhook.testing.sip_text import Headers, SipMessage


class CallLeg(SeenCall):
    """What calls that the phone placed and calls that it took have in common."""

    @property
    def srtp(self) -> str:
        """The suite by which the sound is encrypted (RFC 4568); empty in the clear."""
        return self.audio.encryption.suite if self.audio.encryption is not None else ""

    async def rekey(self, *, timeout_s: float = WAIT_S) -> SipMessage:
        """Have another key from now on, by a re-INVITE; return the 200. Raises as `hold` does."""
        if self.audio.encryption is None:
            raise PhoneError("the phone was not told to encrypt")
        self.audio.encryption.rekey()
        return await self._renegotiate("sendrecv", "rekey", timeout_s)

    async def hang_up(self, *, headers: Headers = (), timeout_s: float = WAIT_S) -> Ended:
        """Send BYE, wait for its answer, return how the call ended.

        When the server's BYE came first, that is how. Raises PhoneError before the call is
        answered, PhoneTimeout when the BYE is not answered; it is repeated until then
        (RFC 3261 17.1.2).
        """
        if self._dialog.over.done():
            return self._dialog.over.result()
        self._need_answer("hang up")
        response = self._dialog.bye(headers)
        if await self._wait(response, "the answer to BYE", timeout_s) is None:
            raise PhoneTimeout(f"the BYE was not answered\n{self.log.ladder()}")
        return self._dialog.over.result()

    async def leave(self) -> Ended:
        """End the call in the way that fits, whatever it is doing."""
        return await self.hang_up()

    def vanish(self) -> None:
        """End the call as a phone does that lost its network: without a word, and for good."""
        self._dialog.vanish()

    async def say(self, pcm: Pcm) -> None:
        """Talk: send 8000 Hz samples behind what is being said; return when they have left."""
        self._need_sound("talk")
        await self.audio.say(pcm)

    async def send_digits(
        self, digits: str, *, tone_ms: int = 100, gap_ms: int = 60, end_packets: int = 3
    ) -> None:
        """Press keys, as telephone-events (RFC 4733); return when the last packet has left.

        `end_packets` below three stands for lost ones. Raises PhoneError when the call has no
        telephone-events or ends meanwhile, RtpError (a ValueError) for what is not a key.
        """
        self._need_sound("press keys")
        route = self.audio.route
        if route is None or route.events_type is None:
            raise PhoneError("telephone-event was not negotiated")
        for digit in digits:
            self._need_sound("press keys")  # the call may have ended at the one before
            await self.audio.press(digit, tone_ms, gap_ms, end_packets)
            self.log.note("digit_sent", asyncio.get_running_loop().time())

    async def info_digit(
        self, digit: str, *, duration_ms: int = 160, timeout_s: float = WAIT_S
    ) -> SipMessage:
        """Press one key, as a SIP INFO with application/dtmf-relay; return the response."""
        if len(digit) != 1 or digit not in rtp.DIGITS:
            raise rtp.RtpError(f"not a key of a phone: {digit!r}")
        body = f"Signal={digit}\r\nDuration={duration_ms}\r\n".encode()
        headers = (("Content-Type", "application/dtmf-relay"),)
        return await self.request("INFO", headers=headers, body=body, timeout_s=timeout_s)

    async def request(
        self, method: str, *, headers: Headers = (), body: bytes = b"", timeout_s: float = WAIT_S
    ) -> SipMessage:
        """Send any request but INVITE within the call and return its final response.

        Raises PhoneError while there is no call, PhoneTimeout.
        """
        self._need_answer(f"send {method}")
        response = await self._wait(
            self._dialog.request(method, headers, body), f"the answer to {method}", timeout_s
        )
        if response is None:
            raise PhoneTimeout(f"the {method} was not answered\n{self.log.ladder()}")
        return response

    async def hold(
        self, direction: str = "sendonly", *, nowhere: bool = False, timeout_s: float = WAIT_S
    ) -> SipMessage:
        """Put the other side on hold (RFC 3264 8.4); return the 200.

        `inactive` for hold without any sound; `nowhere` gives 0.0.0.0 for an address, as phones
        did before RFC 3264. Raises PhoneError when it is refused, PhoneTimeout.
        """
        self._dialog.session.nowhere = nowhere
        return await self._renegotiate(direction, "hold", timeout_s)

    async def unhold(self, *, timeout_s: float = WAIT_S) -> SipMessage:
        """Talk again after `hold`; return the 200. Raises as `hold` does."""
        self._dialog.session.nowhere = False
        return await self._renegotiate("sendrecv", "unhold", timeout_s)

    async def move(self, *, timeout_s: float = WAIT_S) -> SipMessage:
        """Continue the sound on a new port, and tell the server of it; return the 200.

        The recording goes on: what is still sent to the old port is in it, with that
        `local_port`. Raises as `hold` does.
        """
        self._need_answer("move")
        self.audio.move()
        return await self._renegotiate("sendrecv", "move", timeout_s)

    async def reinvite(
        self,
        direction: str = "sendrecv",
        *,
        codecs: Sequence[str] | None = None,
        payload_types: Mapping[str, int] | None = None,
        timeout_s: float = WAIT_S,
    ) -> SipMessage:
        """Send an INVITE within the call and return its final response, whatever it is.

        direction: sendrecv, sendonly, recvonly or inactive.
        codecs: the phone has these from now on, besides telephone-event if it had that.
        payload_types: and these numbers.

        Raises PhoneError while there is no call, PhoneTimeout.
        """
        self._need_answer("send INVITE")
        self._dialog.session.choose(codecs, payload_types)
        response = await self._wait(
            self._dialog.reinvite(direction), "the answer to INVITE", timeout_s
        )
        if response is None:
            raise PhoneTimeout(f"the INVITE was not answered\n{self.log.ladder()}")
        return response

    async def update(
        self,
        direction: str = "sendrecv",
        *,
        codecs: Sequence[str] | None = None,
        payload_types: Mapping[str, int] | None = None,
        timeout_s: float = WAIT_S,
    ) -> SipMessage:
        """As `reinvite`, by an UPDATE (RFC 3311)."""
        self._need_answer("send UPDATE")
        self._dialog.session.choose(codecs, payload_types)
        response = await self._wait(
            self._dialog.update(direction), "the answer to UPDATE", timeout_s
        )
        if response is None:
            raise PhoneTimeout(f"the UPDATE was not answered\n{self.log.ladder()}")
        if response.status < 300:
            self._dialog.take_answer(response)
        return response

    def close(self) -> None:
        """Free the ports of the sound; a call that is still up ends without a word."""
        self._dialog.vanish()
        self.audio.close()

    async def _renegotiate(self, direction: str, purpose: str, timeout_s: float) -> SipMessage:
        response = await self.reinvite(direction, timeout_s=timeout_s)
        if response.status >= 300:
            raise PhoneError(f"{purpose} was refused with {response.status}\n{self.log.ladder()}")
        return response

    def _need_answer(self, purpose: str) -> None:
        answered = self._dialog.answered
        if not answered.done() or answered.result() is None:
            raise PhoneError(f"the call is not answered, so the phone cannot {purpose}")

    def _need_sound(self, purpose: str) -> None:
        if self.audio.route is None:
            raise PhoneError(f"there is no sound in this call, so the phone cannot {purpose}")
