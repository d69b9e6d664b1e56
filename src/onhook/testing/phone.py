"""A small, real SIP phone over UDP, for tests: it places calls, talks, and records what it hears.

    async with Phone() as phone:
        call = await phone.call("+6531234567", server=("127.0.0.1", 5060))
        await call.ringing()
        await call.answered()
        await call.send_digits("12#")
        ended = await call.ended()
    assert ended.how == How.BYE_RECEIVED
    assert find_tone(call.recording.pcm(), 440) is not None
    assert not call.complaints

It shares no code with the SIP and the media of Onhook, and looks up no names: servers are numeric
addresses. One phone can have any number of calls at once, each with sockets of its own for sound.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from onhook.testing import routing, sdp_text, sip_text
from onhook.testing.audio import Audio
from onhook.testing.call_log import CallLog
from onhook.testing.datagrams import DatagramSocket
from onhook.testing.dialog import ALLOW, CallScript, Dialog
from onhook.testing.g711 import Pcm
from onhook.testing.phone_call import WAIT_S, PhoneCall, PhoneError, PhoneTimeout
from onhook.testing.requests import Wire
from onhook.testing.sdp_text import EVENTS
from onhook.testing.sip_text import Address, Headers, SipMessage, SipTextError

USER_AGENT = "Onhook-test-phone"
GOODBYE_S = 1.0
"""How long the end of a phone waits for the answers to its BYEs and CANCELs."""
_BREAKS_A_LINE = re.compile(r"[\x00-\x20\x7f]")
_KEEP_ALIVE = b"\r\n\x00 "


class Phone:
    """A SIP phone at an address of its own; use it with `async with`.

    At the end of the block the calls that are still up are hung up, those that ring are cancelled.
    """

    def __init__(self, number: str = "+6598765432", *, host: str = "127.0.0.1", port: int = 0):
        self.number = number
        """The phone's own number: the user part of From and Contact."""
        self.unreadable = 0
        """Datagrams received that are not SIP, or belong to no call."""
        self.stray: list[SipMessage] = []
        """Messages received that belong to no call, the first 100."""
        self._host = host
        self._port = port
        self._socket: DatagramSocket | None = None
        self._wire: Wire | None = None
        self._calls: dict[str, tuple[Dialog, PhoneCall]] = {}

    @property
    def address(self) -> Address:
        """Where the phone is reached by SIP; PhoneError before `async with`."""
        return self._open_wire().address

    @property
    def calls(self) -> list[PhoneCall]:
        """The calls placed so far, in order, ended ones too."""
        return [call for _, call in self._calls.values()]

    async def __aenter__(self) -> Self:
        self._socket = DatagramSocket.open(self._host, self._receive, port=self._port)
        self._wire = Wire(self._socket)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def call(
        self,
        number: str,
        *,
        server: Address,
        caller: str | None = None,
        codecs: Sequence[str] = ("PCMU", "PCMA"),
        payload_types: Mapping[str, int] | None = None,
        telephone_events: bool = True,
        offer: bool = True,
        talk: bool | Pcm = True,
        rtp_from_other_port: bool = False,
        ack: bool = True,
        ack_delay_s: float = 0.0,
        ignore_answers: int = 0,
        answer_bye: bool = True,
        repeat_invite_after_s: Sequence[float] = (),
        headers: Headers = (),
    ) -> PhoneCall:
        """Send an INVITE and return the call, which may not even ring yet.

        number: whom to call, as the user part of the Request-URI; or a whole `sip:` URI.
        server: where to send it, a numeric address.
        caller: the user part of From, when not the phone's own number ("anonymous", say).
        codecs: names in order of preference. Only PCMU and PCMA can be talked and heard; others
            ("G729", "opus", ...) are good for being refused.
        payload_types: numbers that differ from the usual ones, such as {"telephone-event": 96}.
        telephone_events: offer RFC 4733 key presses.
        offer: with False the INVITE carries no SDP; the ACK answers the server's offer.
        talk: True sends silence from the 200 on, so that the server learns where the phone really
            is; an array of 8000 Hz samples is said first; False sends nothing at all.
        rtp_from_other_port: send sound from another port than the SDP names, like behind a NAT.
            Sound is received on both.
        ack: with False no ACK is ever sent.
        ack_delay_s: send the ACK so much after the first 200; repeated 200s until then stay
            unanswered.
        ignore_answers: act as if the first so many 200s had been lost.
        answer_bye: with False the server's BYEs stay unanswered. The call ends all the same.
        repeat_invite_after_s: send the INVITE again at these times, whatever came back by then.
        headers: more header lines of the INVITE.

        Raises ValueError for what would not be one SIP message, OSError if no port is free.
        """
        wire = self._open_wire()
        types = {**sdp_text.PAYLOAD_TYPES, **(payload_types or {})}
        names = (*codecs, EVENTS) if telephone_events else tuple(codecs)
        if unknown := [name for name in names if name not in types]:
            raise ValueError(f"codecs without a payload type: {', '.join(unknown)}")
        speech = None if isinstance(talk, bool) else talk
        script = CallScript(
            names, types, offer, ack, ack_delay_s, ignore_answers, answer_bye,
            tuple(repeat_invite_after_s), speech,
        )  # fmt: skip
        offered = {types[name]: name for name in names}
        audio = Audio(self._host, offered, talk=talk is not False, other_port=rtp_from_other_port)
        body = sdp_text.write(audio.address, names, types, session_id=1) if offer else b""
        invite = self._compose_invite(wire, number, caller, server, headers, body)
        log = CallLog()
        dialog = Dialog(wire, server, invite, self._contact_uri(wire), audio, script, log)
        call = PhoneCall(dialog, audio, log, invite.call_id)
        self._calls[invite.call_id] = (dialog, call)
        dialog.start()
        return call

    async def options(self, server: Address, timeout_s: float = WAIT_S) -> SipMessage:
        """Ask what the server can do, outside of any call; return the final response.

        Raises PhoneTimeout when none comes.
        """
        wire = self._open_wire()
        uri = f"sip:{server[0]}:{server[1]}"
        lines = [*self._heading(wire, uri, self.number, "OPTIONS"), ("Accept", "application/sdp")]
        response = wire.request(sip_text.request("OPTIONS", uri, lines), server)
        try:
            answer = await asyncio.wait_for(response, timeout_s)
        except TimeoutError:
            answer = None
        if answer is None:
            raise PhoneTimeout("no answer to OPTIONS")
        return answer

    def send_raw(self, data: bytes, server: Address) -> None:
        """Send one datagram of any content from the phone's SIP socket."""
        self._open_wire()
        if self._socket is not None:
            self._socket.send(data, server)

    async def close(self) -> None:
        """End what is still up, wait up to a second for the answers, and free the ports."""
        if self._socket is None or self._wire is None:
            return
        goodbyes = [
            asyncio.ensure_future(call.hang_up() if call.is_up() else call.cancel())
            for call in self.calls
            if not call.is_over()
        ]
        if goodbyes:
            await asyncio.wait(goodbyes, timeout=GOODBYE_S)
            for goodbye in goodbyes:
                goodbye.cancel()
            await asyncio.gather(*goodbyes, return_exceptions=True)
        for call in self.calls:
            call.close()
        self._wire.close()
        self._socket.close()
        self._socket = self._wire = None

    def _open_wire(self) -> Wire:
        if self._wire is None:
            raise PhoneError("the phone is not open: use `async with Phone() as phone`")
        return self._wire

    def _contact_uri(self, wire: Wire) -> str:
        return f"sip:{self.number}@{wire.address[0]}:{wire.address[1]}"

    def _compose_invite(
        self,
        wire: Wire,
        number: str,
        caller: str | None,
        server: Address,
        headers: Headers,
        body: bytes,
    ) -> SipMessage:
        uri = number if number.startswith("sip:") else f"sip:{number}@{server[0]}:{server[1]}"
        lines = [
            *self._heading(wire, uri, self.number if caller is None else caller, "INVITE"),
            ("Allow", ALLOW),
            ("User-Agent", USER_AGENT),
            *headers,
        ]
        if body:
            lines.append(("Content-Type", "application/sdp"))
        return sip_text.request("INVITE", uri, lines, body)

    def _heading(self, wire: Wire, uri: str, caller: str, method: str) -> list[tuple[str, str]]:
        """Compose the headers that every request outside of a dialog needs (RFC 3261 8.1.1)."""
        if _BREAKS_A_LINE.search(uri + caller):
            raise ValueError("a number has no blanks and no control characters")
        host, port = wire.address
        return [
            ("Via", routing.via_of(wire.address)),
            ("Max-Forwards", "70"),
            ("From", f"<sip:{caller}@{host}:{port}>;tag={secrets.token_hex(6)}"),
            ("To", f"<{uri}>"),
            ("Call-ID", f"{secrets.token_hex(12)}@{host}"),
            ("CSeq", f"1 {method}"),
            ("Contact", f"<{self._contact_uri(wire)}>"),
        ]

    def _receive(self, data: bytes, at_s: float, source: Address) -> None:
        if not data.strip(_KEEP_ALIVE):
            return
        try:
            self._take(sip_text.parse(data), at_s, source)
        except SipTextError:
            self.unreadable += 1

    def _take(self, message: SipMessage, at_s: float, source: Address) -> None:
        """Hand a message to its call; what belongs to none is answered as a phone does."""
        found = self._calls.get(message.call_id)
        wire = self._open_wire()
        if found is not None and message.is_request:
            found[0].on_request(message, at_s, source)
        elif found is not None:
            found[0].on_response(message, at_s)
        elif not message.is_request:
            wire.take_response(message)
        else:
            self.stray = [*self.stray, message][:100]
            self._answer_stray(wire, message, source)

    def _answer_stray(self, wire: Wire, message: SipMessage, source: Address) -> None:
        """Answer what is outside of any call: alive, but not to be called."""
        if message.method == "ACK":
            return
        status, reason = {
            "OPTIONS": (200, "OK"),
            "INVITE": (480, "Temporarily Unavailable"),
        }.get(message.method, (481, "Call/Transaction Does Not Exist"))
        answer = sip_text.response(
            message, status, reason, tag=secrets.token_hex(6), headers=(("Allow", ALLOW),)
        )
        wire.send(answer, source)
