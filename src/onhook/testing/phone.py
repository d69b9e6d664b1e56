"""A small, real SIP phone over UDP, TCP or TLS, for tests: it places calls, talks, and records what it hears.

    async with Phone() as phone:
        call = await phone.call("+6531234567", server=("127.0.0.1", 5060))
        await call.ringing()
        await call.answered()
        await call.send_digits("12#")
        ended = await call.ended()
    assert ended.how == How.BYE_RECEIVED
    assert find_tone(call.recording.pcm(), 440) is not None
    assert not call.complaints

    async with Phone("+6591112222") as callee:
        ...                                     # make the server call callee.address
        call = await callee.incoming()
        call.ring()
        await call.answer()

It shares no code with the SIP and the media of Onhook, and looks up no names: servers are numeric
addresses. One phone can have any number of calls at once, each with sockets of its own for sound;
it takes calls to any number, so that it can stand for a trunk with many phones behind it.
"""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from onhook.testing import routing, sdp_text, sip_text
from onhook.testing.arrivals import Arrivals
from onhook.testing.audio import Audio
from onhook.testing.call_leg import CallLeg
from onhook.testing.call_log import CallLog
from onhook.testing.datagrams import DatagramSocket
from onhook.testing.dialog import ALLOW, Dialog
from onhook.testing.digest import Challenge
from onhook.testing.g711 import Pcm
from onhook.testing.incoming_call import LAWS, IncomingPhoneCall
from onhook.testing.network import Network
from onhook.testing.phone_call import PhoneCall
from onhook.testing.placed import CallScript, PlacedDialog
from onhook.testing.requests import Wire
from onhook.testing.sdp_text import EVENTS, SdpTextError
from onhook.testing.seen_call import WAIT_S, PhoneError, PhoneTimeout
from onhook.testing.session import Session
from onhook.testing.sip_text import Address, Headers, SipMessage, SipTextError
from onhook.testing.srtp import Encryption, SrtpPolicy
from onhook.testing.streams import PhoneTls, StreamSocket, Transport
from onhook.testing.taken import TakenDialog

USER_AGENT = "Onhook-test-phone"
GOODBYE_S = 1.0
"""How long the end of a phone waits for the answers to its BYEs and CANCELs."""
_BREAKS_A_LINE = re.compile(r"[\x00-\x20\x7f]")
_KEEP_ALIVE = b"\r\n\x00 "

OnCall = Callable[[IncomingPhoneCall], Awaitable[object] | object]
"""What a phone does by itself with a call that comes in."""


class _Dialogs:
    """The dialogs of a phone, by what messages name them with."""

    def __init__(self) -> None:
        self.by_branch: dict[str, TakenDialog] = {}
        self._by_tag: dict[tuple[str, str], Dialog] = {}
        self._by_call_id: dict[str, Dialog] = {}

    def know(self, call_id: str, dialog: Dialog) -> None:
        self._by_tag[call_id, dialog.tag] = dialog
        self._by_call_id[call_id] = dialog

    def find(self, call_id: str, own_tag: str) -> Dialog | None:
        """Find a call by our tag; failing that by its Call-ID, so that a wrong tag is told of."""
        return self._by_tag.get((call_id, own_tag)) or self._by_call_id.get(call_id)

    def of_request(self, request: SipMessage) -> Dialog | None:
        if request.to_tag:
            return self.find(request.call_id, request.to_tag)
        return self.by_branch.get(request.branch)


class Phone:
    """A SIP phone at an address of its own, IPv4 or IPv6 (`host`); use it with `async with`.

    `transport` is `udp`, `tcp` or `tls`; `tls` names the files of the last, and needs a certificate only if
    the phone is to be called.

    At the end of the block the calls that are still up are hung up, those that ring are cancelled
    or refused, and what `on_call` raised is raised.
    """

    def __init__(
        self,
        number: str = "+6598765432",
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        transport: Transport = "udp",
        tls: PhoneTls | None = None,
        srtp: SrtpPolicy = "off",
    ):
        self.srtp: SrtpPolicy = srtp
        """Whether calls from now on are encrypted; needs pylibsrtp, which has to be installed for it."""
        self.number = number
        """The phone's own number: the user part of From and Contact."""
        self.unreadable = 0
        """Datagrams received that are not SIP, or belong to no call."""
        self.stray: list[SipMessage] = []
        """Messages received that belong to no call, the first 100."""
        self.on_call: OnCall | None = None
        """Called with each call that comes in; what it returns is awaited if it can be.

            callee.on_call = lambda call: call.answer()
        """
        self.arrivals = Arrivals()
        """The INVITEs that did not become calls."""
        self.errors: list[Exception] = []
        """What `on_call` raised."""
        self._host = host
        self._port = port
        self._transport: Transport = transport
        self._tls = tls or PhoneTls()
        self._socket: DatagramSocket | StreamSocket | None = None
        self._wire: Wire | None = None
        self._dialogs = _Dialogs()
        self._placed: list[PhoneCall] = []
        self._taken: list[IncomingPhoneCall] = []
        self._waiting: list[IncomingPhoneCall] = []
        self._arrived = asyncio.Event()
        self._policies: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> Address:
        """Where the phone is reached by SIP; PhoneError before `async with`."""
        return self._open_wire().address

    @property
    def calls(self) -> list[PhoneCall]:
        """The calls placed so far, in order, ended ones too."""
        return list(self._placed)

    @property
    def incoming_calls(self) -> list[IncomingPhoneCall]:
        """The calls that came in so far, in order, ended ones too."""
        return list(self._taken)

    async def __aenter__(self) -> Self:
        if self._transport == "udp":
            self._socket = DatagramSocket.open(self._host, self._receive, port=self._port)
        else:
            secured = self._tls if self._transport == "tls" else None
            self._socket = await StreamSocket.open(
                self._host, self._receive, port=self._port, tls=secured
            )
        self._wire = Wire(self._socket)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
        if self.errors and error is None:
            raise self.errors[0]

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
        ptime_ms: int = 20,
        ack: bool = True,
        ack_delay_s: float = 0.0,
        ignore_answers: int = 0,
        answer_bye: bool = True,
        repeat_invite_after_s: Sequence[float] = (),
        network: Network | None = None,
        headers: Headers = (),
    ) -> PhoneCall:
        """Send an INVITE and return the call, which may not even ring yet.

        number: whom to call, as the user part of the Request-URI; or a whole `sip:` or `tel:` URI.
        server: where to send it, a numeric address.
        caller: the user part of From, when not the phone's own number ("anonymous", say); or the
            whole of it, with a URI in <>.
        codecs: names in order of preference. Only PCMU and PCMA can be talked and heard; others
            ("G729", "opus", ...) are good for being refused.
        payload_types: numbers that differ from the usual ones, such as {"telephone-event": 96}.
        telephone_events: offer RFC 4733 key presses.
        offer: with False the INVITE carries no SDP; the ACK answers the server's offer.
        talk: True sends silence from the 200 on, so that the server learns where the phone really
            is; an array of 8000 Hz samples is said first; False sends nothing at all.
        rtp_from_other_port: send sound from another port than the SDP names, like behind a NAT.
            Sound is received on both.
        ptime_ms: how much sound the phone's packets have.
        ack: with False no ACK is sent, but by `PhoneCall.acknowledge`.
        ack_delay_s: send the ACK so much after the first 200; repeated 200s until then stay
            unanswered.
        ignore_answers: act as if the first so many 200s had been lost.
        answer_bye: with False the server's BYEs stay unanswered. The call ends all the same.
        repeat_invite_after_s: send the INVITE again at these times, whatever came back by then.
        network: lose and delay what passes, and exchange RTCP; `PhoneCall.audio.reports` counts.
        headers: more header lines of the INVITE.

        Raises ValueError for what would not be one SIP message, OSError if no port is free.
        """
        wire = self._open_wire()
        types = {**sdp_text.PAYLOAD_TYPES, **(payload_types or {})}
        names = (*codecs, EVENTS) if telephone_events else tuple(codecs)
        if unknown := [name for name in names if name not in types]:
            raise ValueError(f"codecs without a payload type: {', '.join(unknown)}")
        offered = {types[name]: name for name in names}
        audio = Audio(
            self._host,
            offered,
            talk=talk is not False,
            other_port=rtp_from_other_port,
            frame_ms=ptime_ms,
            network=network,
        )
        audio.encryption = self._encryption()
        session = Session(audio, names, types)
        session.speech = None if isinstance(talk, bool) else talk
        body = session.offer() if offer else b""
        invite = self._compose_invite(wire, number, caller, server, headers, body)
        script = CallScript(offer, ack, ack_delay_s, ignore_answers, tuple(repeat_invite_after_s))
        log = CallLog()
        dialog = PlacedDialog(wire, server, invite, session, script, log)
        dialog.answer_bye = answer_bye
        call = PhoneCall(dialog, audio, log, invite.call_id)
        self._placed.append(call)
        self._dialogs.know(invite.call_id, dialog)
        dialog.start()
        return call

    async def incoming(
        self, timeout_s: float = WAIT_S, *, called: str | None = None
    ) -> IncomingPhoneCall:
        """Wait for a call that was not returned before, to the number `called` if that is given.

        Calls come in the order of their INVITEs. Raises PhoneTimeout.
        """
        loop = asyncio.get_running_loop()
        until_s = loop.time() + timeout_s
        while (call := self._next(called)) is None:
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), until_s - loop.time())
            except TimeoutError:
                raise PhoneTimeout(
                    f"no call came in within {timeout_s:g} s; {len(self._taken)} came before, "
                    f"{len(self.arrivals.challenged)} INVITEs were challenged"
                ) from None
        return call

    def challenge(
        self,
        username: str,
        password: str,
        *,
        algorithms: Sequence[str] = ("MD5",),
        status: int = 407,
        realm: str = "trunk.example",
        qop: str = "auth",
        stale: int = 0,
    ) -> Challenge:
        """Take only INVITEs that authenticate themselves, like a trunk (RFC 3261 22).

        algorithms: MD5, SHA-256, SHA-512-256, each also with -sess, in order of preference; a header
            line each.
        status: 401 or 407. Ask twice, once with each, for an INVITE that has to prove both.
        qop: what is offered: "auth", "auth-int", "auth,auth-int", or "" for none.
        stale: call so many correct answers stale before one is taken (RFC 7616 3.3).

        Returns the challenge, whose `wrong` says what was wrong with answers to it. The INVITEs
        that it was sent to are in `arrivals.challenged`.
        """
        made = Challenge(username, password, tuple(algorithms), status, realm, qop, stale)
        self.arrivals.challenges.append(made)
        return made

    def ignore_invites(self, count: int) -> None:
        """Act as if the next so many INVITEs had been lost, repeated ones counted singly."""
        self.arrivals.invites_to_ignore = count

    async def options(self, server: Address, timeout_s: float = WAIT_S) -> SipMessage:
        """Ask what the server can do, outside of any call; return the final response.

        Raises PhoneTimeout when none comes.
        """
        wire = self._open_wire()
        uri = f"sip:{sip_text.host_port(server)}"
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
        legs: list[CallLeg] = [*self._placed, *self._taken]
        goodbyes = [asyncio.ensure_future(leg.leave()) for leg in legs if not leg.is_over()]
        if goodbyes:
            await asyncio.wait(goodbyes, timeout=GOODBYE_S)
        await _cancel(*goodbyes, *self._policies)
        for leg in legs:
            leg.close()
        self.arrivals.close()
        self._wire.close()
        self._socket.close()
        self._socket = self._wire = None

    def _open_wire(self) -> Wire:
        if self._wire is None:
            raise PhoneError("the phone is not open: use `async with Phone() as phone`")
        return self._wire

    def _contact_uri(self, wire: Wire) -> str:
        return routing.uri_of(self.number, wire.address)

    def _compose_invite(
        self,
        wire: Wire,
        number: str,
        caller: str | None,
        server: Address,
        headers: Headers,
        body: bytes,
    ) -> SipMessage:
        is_uri = number.startswith(("sip:", "tel:"))
        uri = number if is_uri else f"sip:{number}@{sip_text.host_port(server)}"
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
        whole = "<" in caller
        if _BREAKS_A_LINE.search(uri + (caller.replace(" ", "") if whole else caller)):
            raise ValueError("a number has no blanks and no control characters")
        sender = caller if whole else f"<sip:{caller}@{sip_text.host_port(wire.address)}>"
        return [
            ("Via", routing.via_of(wire.address)),
            ("Max-Forwards", "70"),
            ("From", f"{sender};tag={secrets.token_hex(6)}"),
            ("To", f"<{uri}>"),
            ("Call-ID", f"{secrets.token_hex(12)}@{wire.address[0]}"),
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
        wire = self._open_wire()
        if not message.is_request:
            dialog = self._dialogs.find(message.call_id, message.from_tag)
            if dialog is None:
                wire.take_response(message)
            else:
                dialog.on_response(message, at_s)
        elif (dialog := self._dialogs.of_request(message)) is not None:
            dialog.on_request(message, at_s, source)
        elif self.arrivals.take(message):
            return
        elif message.method == "INVITE" and not message.to_tag:
            if self.arrivals.admit(wire, message, source):
                self._ring(wire, message, at_s, source)
        else:
            self.stray = [*self.stray, message][:100]
            self._answer_stray(wire, message, source)

    def _ring(self, wire: Wire, invite: SipMessage, at_s: float, source: Address) -> None:
        """Make a call of an INVITE, and tell those who wait for one."""
        audio = Audio(self._host, _types_of(invite), talk=False, other_port=False)
        audio.encryption = self._encryption()
        session = Session(audio, (*LAWS, EVENTS), sdp_text.PAYLOAD_TYPES)
        log = CallLog()
        tag = secrets.token_hex(6)
        dialog = TakenDialog(wire, source, invite, tag, self._contact_uri(wire), session, log)
        call = IncomingPhoneCall(dialog, audio, log, invite.call_id)
        self._dialogs.know(invite.call_id, dialog)
        self._dialogs.by_branch[invite.branch] = dialog
        self._taken.append(call)
        self._waiting.append(call)
        dialog.start(at_s)
        self._arrived.set()
        if self.on_call is not None:
            self._begin(self.on_call, call)

    def _encryption(self) -> Encryption | None:
        return None if self.srtp == "off" else Encryption(self.srtp)

    def _next(self, called: str | None) -> IncomingPhoneCall | None:
        for at, call in enumerate(self._waiting):
            if called is None or call.called == called:
                return self._waiting.pop(at)
        return None

    def _begin(self, policy: OnCall, call: IncomingPhoneCall) -> None:
        """Let the policy act on a call; what it raises is kept for the end of the phone."""

        async def act() -> None:
            done = policy(call)
            if isinstance(done, Awaitable):
                await done

        task = asyncio.ensure_future(act())
        self._policies.add(task)
        task.add_done_callback(self._acted)

    def _acted(self, task: asyncio.Task[None]) -> None:
        self._policies.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self.errors.append(error)

    def _answer_stray(self, wire: Wire, message: SipMessage, source: Address) -> None:
        """Answer what is outside of any call."""
        if message.method == "ACK":
            return
        known = message.method == "OPTIONS"
        status, reason = (200, "OK") if known else (481, "Call/Transaction Does Not Exist")
        tag, headers = secrets.token_hex(6), (("Allow", ALLOW),)
        wire.send(sip_text.response(message, status, reason, tag=tag, headers=headers), source)


def _types_of(invite: SipMessage) -> Mapping[int, str]:
    """Name the payload types that may come in: those of the offer, or our own without one."""
    ours = {number: name for name, number in sdp_text.PAYLOAD_TYPES.items()}
    try:
        return {**ours, **sdp_text.parse(invite.body).payload_types} if invite.body else ours
    except SdpTextError:
        return ours


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
