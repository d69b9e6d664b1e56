"""The other side of the wire, by hand: a UDP socket, text, and a clock that moves when told."""

import asyncio
import heapq
import itertools
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv4Network, IPv6Network
from typing import Any, TypedDict, Unpack, cast

from onhook.listeners import ListenAddress, listen_addresses
from onhook.phone import (
    IncomingCall,
    OutgoingCall,
    RemoteMedia,
    ShownCaller,
    SipCause,
    SipEndpoint,
    Trunk,
)
from onhook.phone.nat.public_address import OutsideView
from onhook.phone.tls.contexts import ServerCertificate

SDP = (
    "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
)
PATIENCE_S = 60.0
"""How long something may take that is going to happen."""
LOOPBACK = (IPv4Network("127.0.0.0/8"),)
_numbers = itertools.count(1)


class VirtualTimer:
    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class VirtualClock:
    """Runs timers in order when `advance` is called, and only then."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._order = itertools.count()
        self._heap: list[tuple[float, int, VirtualTimer, Callable[..., object], tuple[Any, ...]]]
        self._heap = []

    def time(self) -> float:
        return self.now_s

    def call_later(
        self, delay: float, callback: Callable[..., object], /, *args: Any
    ) -> VirtualTimer:
        timer = VirtualTimer()
        heapq.heappush(self._heap, (self.now_s + delay, next(self._order), timer, callback, args))
        return timer

    def advance(self, seconds: float) -> None:
        until = self.now_s + seconds
        while self._heap and self._heap[0][0] <= until:
            self.now_s, _, timer, callback, args = heapq.heappop(self._heap)
            if not timer.cancelled:
                callback(*args)
        self.now_s = until

    @property
    def pending(self) -> int:
        return sum(not timer.cancelled for _, _, timer, _, _ in self._heap)


class Message:
    """A SIP message, split without any of the code under test."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        head, _, self.body = data.decode().partition("\r\n\r\n")
        self.start, *self.lines = head.split("\r\n")

    def all(self, name: str) -> list[str]:
        prefix = name.lower() + ":"
        return [line[len(prefix) :].strip() for line in self.lines
                if line.lower().startswith(prefix)]  # fmt: skip

    def __getitem__(self, name: str) -> str:
        return self.all(name)[0]

    @property
    def status(self) -> int:
        return int(self.start.split()[1])

    @property
    def to_tag(self) -> str:
        return self["To"].rpartition(";tag=")[2]


def place(address: tuple[str, int]) -> str:
    """Host and port, as they stand in headers."""
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"{host}:{address[1]}"


class Peer(asyncio.DatagramProtocol):
    """A UDP socket on loopback that keeps what it receives in order."""

    transport: asyncio.DatagramTransport
    transport_name = "UDP"

    def __init__(self, server: tuple[str, int]) -> None:
        self.server = server
        self.keepalives = 0
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._numbered: dict[tuple[str, str], int] = {}
        self._branches: set[str] = set()
        self.out_of_order: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)
        self.address: tuple[str, int] = transport.get_extra_info("sockname")[:2]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data.strip():
            self.take(Message(data))
        else:
            self.keepalives += 1

    def take(self, message: Message) -> None:
        self._check_order(message)
        self._inbox.put_nowait(message)

    def _check_order(self, message: Message) -> None:
        """CSeq numbers of one dialog grow strictly; ACK and CANCEL have that of their INVITE, and a
        repeated request its own (RFC 3261 12.2.1.1)."""
        if message.start.startswith("SIP/"):
            return
        number, method = message["CSeq"].split()
        if method in ("ACK", "CANCEL"):
            return
        branch = message["Via"].partition("branch=")[2]
        if branch in self._branches:
            return
        self._branches.add(branch)
        key = (message["Call-ID"], message["To"])
        before = self._numbered.get(key, -1)
        if int(number) <= before:
            self.out_of_order.append(f"{message['CSeq']} after {before}")
        self._numbered[key] = max(before, int(number))

    def send(self, message: str | bytes) -> None:
        data = message if isinstance(message, bytes) else message.encode()
        self.transport.sendto(data, self.server)

    async def receive(self) -> Message:
        return await asyncio.wait_for(self._inbox.get(), PATIENCE_S)

    async def status(self, expected: int) -> Message:
        """The next message, which must be a response with this status."""
        message = await self.receive()
        assert message.start.startswith(f"SIP/2.0 {expected} "), message.start
        return message

    async def request(self, method: str) -> Message:
        """The next message, which must be this request."""
        message = await self.receive()
        assert message.start.startswith(method + " "), message.start
        return message

    async def until_quiet(self) -> list[Message]:
        """All that was on its way when this was called, in both directions."""
        branch = f"z9hG4bKprobe{next(_numbers)}"
        self.send(self.text("OPTIONS", branch=branch))
        seen: list[Message] = []
        while True:
            message = await self.receive()
            if branch in message["Via"]:
                return seen
            seen.append(message)

    async def quiet(self) -> None:
        """All that was sent so far has been handled, and none of it was answered."""
        assert [message.start for message in await self.until_quiet()] == []

    def text(
        self,
        method: str,
        *,
        uri: str = "sip:+6531234567@onhook.example",
        branch: str | None = None,
        call_id: str = "probe@peer",
        cseq: int = 1,
        to_tag: str = "",
        caller: str = "<sip:+6591234567@peer.example>",
        headers: tuple[str, ...] = (),
        body: str = "",
        via: str | None = None,
        content_type: str = "application/sdp",
    ) -> str:
        branch = branch or f"z9hG4bK{next(_numbers)}"
        lines = [
            f"{method} {uri} SIP/2.0",
            via or f"Via: SIP/2.0/{self.transport_name} {place(self.address)};branch={branch}",
            "Max-Forwards: 70",
            f"From: {caller};tag=peer",
            "To: <sip:+6531234567@onhook.example>" + (f";tag={to_tag}" if to_tag else ""),
            f"Call-ID: {call_id}",
            f"CSeq: {cseq} {method}",
            *headers,
            *([f"Content-Type: {content_type}"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join(lines) + "\r\n\r\n" + body

    def answer(
        self, request: Message, status: int = 200, *, headers: tuple[str, ...] = (), body: str = ""
    ) -> None:
        names = ("via", "from", "to", "call-id", "cseq")
        lines = [
            *(line for line in request.lines if line.split(":")[0].lower() in names),
            *headers,
            *(["Content-Type: application/sdp"] if body else []),
        ]
        self.send(f"SIP/2.0 {status} Whatever\r\n" + "\r\n".join(lines) + "\r\n\r\n" + body)


class TcpPeer(Peer):
    """A trunk that is reached over TCP; it writes to the connection that came last."""

    transport_name = "TCP"

    def __init__(self, server: tuple[str, int]) -> None:
        super().__init__(server)
        self.connections: list[TcpSide] = []
        self.listener: asyncio.Server
        self.pings = 0

    async def listen(self, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        loop = asyncio.get_running_loop()
        self.transport_name = "TCP" if tls is None else "TLS"
        self.listener = await loop.create_server(lambda: TcpSide(self), host, 0, ssl=tls)
        self.address = self.listener.sockets[0].getsockname()[:2]

    async def listen_at(self, place: socket.socket) -> None:
        """At a socket that is bound, and refused everybody so far."""
        loop = asyncio.get_running_loop()
        self.listener = await loop.create_server(lambda: TcpSide(self), sock=place)
        self.address = self.listener.sockets[0].getsockname()[:2]

    async def connect(self, tls: ssl.SSLContext | None = None, host: str | None = None) -> None:
        """Connect to the endpoint, as a phone does; from an address of this machine, if it is said which."""
        loop = asyncio.get_running_loop()
        self.transport_name = "TCP" if tls is None else "TLS"
        name = None if tls is None else "onhook.test"
        transport, _ = await loop.create_connection(
            lambda: TcpSide(self), *self.server, ssl=tls, server_hostname=name,
            local_addr=(host, 0) if host else None,
        )  # fmt: skip
        self.address = transport.get_extra_info("sockname")[:2]

    async def connected(self) -> "TcpSide":
        while not self.connections:
            await asyncio.sleep(0.001)
        return self.connections[-1]

    def send(self, message: str | bytes) -> None:
        data = message if isinstance(message, bytes) else message.encode()
        self.connections[-1].transport.write(data)

    async def pinged(self, times: int) -> None:
        """The endpoint has sent so many pings."""
        async with asyncio.timeout(PATIENCE_S):
            while self.pings < times:
                await asyncio.sleep(0.001)

    async def gone(self) -> None:
        """The endpoint closed every connection."""
        async with asyncio.timeout(PATIENCE_S):
            while self.connections:
                await asyncio.sleep(0.001)

    async def close(self) -> None:
        for side in [*self.connections]:
            side.transport.abort()
        if hasattr(self, "listener"):
            self.listener.close()
        await self.gone()


class TcpSide(asyncio.Protocol):
    """One connection of a TcpPeer; cuts the stream with none of the code under test."""

    transport: asyncio.Transport

    def __init__(self, peer: TcpPeer) -> None:
        self.peer = peer
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.peer.connections.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.peer.connections.remove(self)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while self.buffer:
            if self.buffer.startswith(b"\r\n"):
                self.peer.pings += 1
                self.buffer = self.buffer.lstrip(b"\r\n")
                continue
            head, blank, rest = self.buffer.partition(b"\r\n\r\n")
            if not blank:
                return
            length = int(Message(head + blank)["Content-Length"])
            if len(rest) < length:
                return
            self.peer.take(Message(head + blank + rest[:length]))
            self.buffer = rest[length:]


class Caller:
    """One call of a peer: remembers what its messages have in common."""

    def __init__(self, peer: Peer, contact: str | None = None) -> None:
        self.peer = peer
        self.number = next(_numbers)
        self.call_id = f"call{self.number}@peer"
        self.branch = f"z9hG4bKinvite{self.number}"
        self.to_tag = ""
        self.cseq = 1
        self.contact = contact or f"<sip:peer@{place(peer.address)}>"

    def invite(self, *, body: str = SDP, headers: tuple[str, ...] = (), **more: Any) -> str:
        text = self.peer.text(
            "INVITE", call_id=self.call_id, branch=self.branch, body=body,
            headers=(f"Contact: {self.contact}", *headers), **more,
        )  # fmt: skip
        self.peer.send(text)
        return text

    async def ringing(self, **more: Any) -> str:
        text = self.invite(**more)
        await self.peer.status(100)
        return text

    async def answered(self, **more: Any) -> Message:
        """For an owner that answers at once: the 200."""
        await self.ringing(**more)
        final = await self.peer.status(200)
        self.to_tag = final.to_tag
        return final

    async def established(self, **more: Any) -> Message:
        final = await self.answered(**more)
        self.ack()
        await self.peer.quiet()
        return final

    def ack(self, body: str = "", cseq: int | None = None, branch: str | None = None) -> None:
        self.peer.send(
            self.peer.text(
                "ACK", call_id=self.call_id, to_tag=self.to_tag, cseq=cseq or self.cseq,
                body=body, branch=branch,
            )
        )  # fmt: skip

    def within(self, method: str, **more: Any) -> str:
        """Send a request inside the dialog."""
        if "cseq" not in more:
            self.cseq += 1
            more["cseq"] = self.cseq
        headers = more.pop("headers", ())
        if method in ("INVITE", "UPDATE"):
            headers = (f"Contact: {self.contact}", *headers)
        text = self.peer.text(
            method, call_id=self.call_id, to_tag=self.to_tag, headers=headers, **more
        )
        self.peer.send(text)
        return text

    def cancel(self, branch: str | None = None, headers: tuple[str, ...] = ()) -> str:
        text = self.peer.text(
            "CANCEL", call_id=self.call_id, branch=branch or self.branch, headers=headers
        )
        self.peer.send(text)
        return text


class Heard:
    """Notes what a call tells its owner."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, object]] = []
        self._changed = asyncio.Event()

    def _note(self, name: str, detail: object = None) -> None:
        self.heard.append((name, detail))
        self._changed.set()

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.heard]

    async def until(self, name: str) -> object:
        """The detail of the first event with this name."""
        while name not in self.names:
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), PATIENCE_S)
        return dict(reversed(self.heard))[name]

    def hung_up(self, cause: SipCause) -> None:
        self._note("hung_up", cause)

    def hangup_done(self, cause: SipCause) -> None:
        self._note("hangup_done", cause)

    def media_moved(self, media: RemoteMedia) -> None:
        self._note("media_moved", media)

    def session_lost(self, cause: SipCause) -> None:
        self._note("session_lost", cause)

    def dialog_changed(self) -> None:
        """A refresh took a number."""

    def digit(self, digit: str) -> None:
        self._note("digit", digit)


class Owner(Heard):
    """A listener of a call to us."""

    def __init__(self, call: IncomingCall) -> None:
        super().__init__()
        self.call = call

    def cancelled(self, cause: SipCause) -> None:
        self._note("cancelled", cause)

    def acknowledged(self, answer: RemoteMedia | None) -> None:
        self._note("acknowledged", answer)

    def no_ack(self) -> None:
        self._note("no_ack")


class Dialler(Heard):
    """A listener of a call of ours, and that call."""

    call: OutgoingCall

    def progressed(self, code: int, media: RemoteMedia | None) -> None:
        self._note("progressed", (code, media))

    def answered(self, media: RemoteMedia) -> None:
        self._note("answered", media)

    def failed(self, cause: SipCause) -> None:
        self._note("failed", cause)


class Callee:
    """The far side of one call of ours: a phone that answers an INVITE by hand."""

    def __init__(self, peer: Peer, invite: Message, tag: str = "callee") -> None:
        self.peer = peer
        self.invite = invite
        self.tag = tag
        self.cseq = 0
        self.call_id = invite["Call-ID"]
        self.contact = f"<sip:callee@{place(peer.address)}>"

    def respond(
        self,
        status: int,
        body: str = "",
        *,
        headers: tuple[str, ...] = (),
        tag: str | None = None,
        contact: str | None = None,
        to: str | None = None,
        cseq: str | None = None,
        content_type: str = "application/sdp",
    ) -> str:
        """Answer the INVITE; above 100 with our tag and Contact."""
        tag = self.tag if tag is None else tag
        to = to or self.invite["To"] + (f";tag={tag}" if tag and status > 100 else "")
        contact = f"Contact: {self.contact}" if contact is None else contact
        lines = [
            f"SIP/2.0 {status} Whatever",
            *(f"Via: {via}" for via in self.invite.all("Via")),
            *(f"Record-Route: {route}" for route in self.invite.all("Record-Route")),
            f"From: {self.invite['From']}",
            f"To: {to}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq or self.invite['CSeq']}",
            *([contact] if contact and 100 < status < 300 else []),
            *headers,
            *([f"Content-Type: {content_type}"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        text = "\r\n".join(lines) + "\r\n\r\n" + body
        self.peer.send(text)
        return text

    async def answer(self, body: str = SDP, **more: Any) -> Message:
        """Send 200; the ACK that comes for it."""
        self.respond(200, body, **more)
        return await self.peer.request("ACK")

    def within(
        self, method: str, *, cseq: int | None = None, headers: tuple[str, ...] = (),
        body: str = "", content_type: str = "application/sdp", tag: str | None = None,
    ) -> str:  # fmt: skip
        """Send a request inside the dialog."""
        self.cseq += 1
        to = f"{self.invite['To']};tag={self.tag if tag is None else tag}"
        lines = [
            f"{method} {self.invite['Contact'].strip('<>')} SIP/2.0",
            f"Via: SIP/2.0/{self.peer.transport_name} {place(self.peer.address)};"
            f"branch=z9hG4bK{next(_numbers)}",
            "Max-Forwards: 70",
            f"From: {to}",
            f"To: {self.invite['From']}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {self.cseq if cseq is None else cseq} {method}",
            *([f"Contact: {self.contact}"] if method in ("INVITE", "UPDATE") else []),
            *headers,
            *([f"Content-Type: {content_type}"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        text = "\r\n".join(lines) + "\r\n\r\n" + body
        self.peer.send(text)
        return text


class Settings(TypedDict, total=False):
    trusted_peers: tuple[IPv4Network | IPv6Network, ...]
    capacity: int
    contact_host: str
    trying: bool
    admits: Callable[[str], bool]
    sends_audio_to: Callable[[str], bool]
    session_timer_s: int
    outside: OutsideView
    on_message: Callable[[str, bytes, tuple[str, int]], None]


class Line:
    """An endpoint, its owners, one peer, and the clock that both wait for."""

    def __init__(self, then: Callable[[IncomingCall], None], **settings: Unpack[Settings]) -> None:
        self.clock = VirtualClock()
        self.owners: list[Owner] = []
        self._then = then
        merged: Settings = {"trusted_peers": LOOPBACK, **settings}
        self.endpoint = SipEndpoint(on_call=self._on_call, clock=self.clock, **merged)
        self.peer: Peer
        self.peers: list[Peer] = []

    def port(self, transport: str, *, ipv6: bool = False) -> int:
        """The one that a listener got."""
        found = [each for each in self.endpoint.listeners
                 if (each.transport, each.is_ipv6) == (transport, ipv6)]  # fmt: skip
        return found[0].port

    def _on_call(self, call: IncomingCall) -> Owner:
        owner = Owner(call)
        self.owners.append(owner)
        call.listener = owner
        self._then(call)
        return owner

    @property
    def owner(self) -> Owner:
        """Of the only call."""
        assert len(self.owners) == 1
        return self.owners[0]

    def dial(
        self, called: str = "+6591112222", caller: ShownCaller | None = None, *,
        at_once: bool = True, **trunk: Any,
    ) -> Dialler:  # fmt: skip
        """Call the peer, or what `trunk` names instead."""
        host, port = self.peer.address
        dialler = Dialler()
        dialler.call = self.endpoint.dial(
            Trunk(**{"host": host, "port": port, **trunk}), called,
            caller or ShownCaller("+6531234567"), ip="127.0.0.1", port=20000, listener=dialler,
            at_once=at_once,
        )  # fmt: skip
        return dialler

    async def tcp_peer(self) -> TcpPeer:
        """A trunk over TCP."""
        peer = TcpPeer(self.peer.server)
        self.peers.append(peer)
        await peer.listen()
        return peer

    async def disconnected(self) -> None:
        """The endpoint has seen that its connections are gone; the kernel may take its time to tell it."""
        async with asyncio.timeout(PATIENCE_S):
            while self.endpoint._tcp.connections:
                await asyncio.sleep(0.001)

    async def dialled(self, **more: Any) -> tuple[Dialler, Callee]:
        """A call of ours whose INVITE has arrived."""
        dialler = self.dial(**more)
        return dialler, Callee(self.peer, await self.peer.request("INVITE"))

    async def talking(self, **more: Any) -> tuple[Dialler, Callee]:
        """A call of ours that was answered."""
        dialler, callee = await self.dialled(**more)
        await callee.answer()
        await dialler.until("answered")
        return dialler, callee

    def in_order(self) -> bool:
        """Whether the CSeq numbers of all dialogs grew."""
        return not any(peer.out_of_order for peer in self.peers)

    async def another_peer(self, host: str = "127.0.0.1") -> Peer:
        loop = asyncio.get_running_loop()
        server = (host, self.endpoint.address[1])
        _, peer = await loop.create_datagram_endpoint(lambda: Peer(server), local_addr=(host, 0))
        self.peers.append(peer)
        return peer


def answer_at_once(call: IncomingCall) -> None:
    call.answer(ip="127.0.0.1", port=20000)


def leave_ringing(call: IncomingCall) -> None:
    """Do nothing."""


@asynccontextmanager
async def line(
    then: Callable[[IncomingCall], None] = answer_at_once,
    *,
    host: str = "127.0.0.1",
    listeners: str = "",
    certificate: ServerCertificate | None = None,
    **settings: Unpack[Settings],
) -> AsyncIterator[Line]:
    made = Line(then, **settings)
    addresses = listen_addresses(listeners) if listeners else (ListenAddress(host, 0),)
    await made.endpoint.listen(addresses, certificate)
    heard = made.endpoint.address[0]
    made.peer = await made.another_peer("127.0.0.1" if heard == "0.0.0.0" else heard)
    try:
        yield made
    finally:
        made.peer.transport.close()
        await made.endpoint.close()
    assert made.clock.pending == 0, "a timer outlived the endpoint"
    assert made.in_order(), "a CSeq number did not grow"
