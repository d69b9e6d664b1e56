"""A caller that is its own application, for latencies: one thread, sockets with kernel time stamps.

It places calls over UDP, gets their notifications as a web server, and makes API requests on warm
HTTP/1.1 connections. What a call goes through is a script, a generator that yields what it waits for:

    def script(caller: Caller) -> Script:
        call = caller.place(number)
        yield lambda: bool(call.session)        # the notification has come
        request = caller.request("ivr/end/hangup", session=call.session, force="enabled")
        yield lambda: "BYE" in call.times_ns
        times.append(call.times_ns["BYE"] - request.sent_ns)

    caller.perform([script(caller) for _ in range(100)], at_once=1)
"""

import itertools
import json
import os
import selectors
import socket
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self, TypeAlias
from urllib.parse import urlencode

from bench import sip_text
from bench.stamped import HttpMessage, HttpStream, receive, stamped_udp

Script: TypeAlias = Generator[Callable[[], bool], None, None]

_STEP_S = 0.002  # a script may wait for a moment, so they are asked this often at the latest
_PATIENCE_S = 10.0
_RTP_HEADER_BYTES = 12
_SILENCE = b"\xff\xd5"  # of either law (ITU-T G.711)
_CALLERS = itertools.count(1)
"""Each has Call-IDs of its own."""
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Reached(Protocol):
    """Where a server listens."""

    @property
    def sip(self) -> tuple[str, int]: ...

    @property
    def http(self) -> tuple[str, int]: ...


class Customer(Protocol):
    """Who asks."""

    @property
    def app_id(self) -> str: ...

    @property
    def access_token(self) -> str: ...


@dataclass(slots=True, eq=False)
class Call:
    """A call, and when what happened to it, in nanoseconds since the epoch."""

    call_id: str
    caller: str
    """A number of its own, by which its notifications are recognised."""
    uri: str = ""
    """Who is called."""
    session: str = ""
    media_port: int = 0
    """Where the server's audio comes from; 0 before the 200."""
    times_ns: dict[str, int] = field(default_factory=dict)
    """The first of each: `INVITE`, `180`, `200`, `BYE`, `BYE answered`, `CANCEL`, `487`, `audio`; `ringing`,
    `ongoing`, `ended`."""
    last_audio_ns: int = 0
    acknowledged: bool = True
    """Whether a 200 is acknowledged at once."""
    ack: bytes = b""
    """Empty before the 200."""
    told: list[dict[str, str]] = field(default_factory=list)
    """Every notification, in order."""

    def stamp(self, what: str, at_ns: int) -> None:
        """Keeps the first of equal events."""
        self.times_ns.setdefault(what, at_ns)


@dataclass(slots=True, eq=False)
class ApiRequest:
    """A request on its way; `status` is empty until the reply is here."""

    sent_ns: int
    status: str = ""
    replied_ns: int = 0


class Caller:
    """Use it with `with`; its number has to be told to `url`."""

    def __init__(self, server: Reached, account: Customer) -> None:
        self.server = server
        self._who = {"app_id": account.app_id, "access_token": account.access_token}
        self._selector = selectors.DefaultSelector()
        self._sip, self._audio = stamped_udp(), stamped_udp()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._listener.setblocking(False)
        self._watch(self._sip, self._on_sip)
        self._watch(self._audio, self._on_audio)
        self._watch(self._listener, self._on_connection)
        self._me: tuple[str, int] = self._sip.getsockname()
        self._idle: list[HttpStream] = []
        self._calls: dict[str, Call] = {}
        self._by_number: dict[str, Call] = {}
        self._by_media_port: dict[int, Call] = {}
        self._placed = 0
        self._number = next(_CALLERS)
        self.failures: list[str] = []
        self.audio = self._audio
        """Where the audio of all calls arrives; what is sent from it comes from their phones."""
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for connection in self._idle:
            connection.sock.close()
        for key in list(self._selector.get_map().values()):
            self._selector.unregister(key.fileobj)
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._selector.close()

    # What a script does -------------------------------------------------------------------------

    def place(self, number: str, acknowledged: bool = True) -> Call:
        """Sends an INVITE. Its 200 is acknowledged at once, or when `acknowledge` is called."""
        self._placed += 1
        host, port = self.server.sip
        call = Call(
            f"b{os.getpid()}c{self._number}x{self._placed}",
            f"+6590{self._placed:06d}",
            f"sip:{number}@{host}:{port}",
            acknowledged=acknowledged,
        )
        self._calls[call.call_id] = self._by_number[call.caller] = call
        body = sip_text.offer(self._audio.getsockname()[1])
        invite = self._request("INVITE", call.uri, call, f"<{call.uri}>", body)
        call.stamp("INVITE", time.time_ns())
        self._send(invite)
        return call

    def acknowledge(self, call: Call) -> None:
        """Sends the ACK to the 200 of a call, which has to be here."""
        self._send(call.ack)

    def cancel(self, call: Call) -> None:
        """Sends a CANCEL, which has to follow the 180; its moment is the one just before."""
        request = self._request("CANCEL", call.uri, call, f"<{call.uri}>", in_invite=True)
        call.stamp("CANCEL", time.time_ns())
        self._send(request)

    def play(self, call: Call, message: str) -> None:
        """Asks for a message in a call."""
        self.request("ivr/middle/play", session=call.session, msg=message, notify_url=self.url)

    def hang_up(self, call: Call) -> ApiRequest:
        """Asks for the end of a call, whatever it does."""
        return self.request(
            "ivr/end/hangup", session=call.session, force="enabled", notify_url=self.url
        )

    def request(self, block: str, **params: str) -> ApiRequest:
        """Sends an API request on a connection on which no other waits for its reply."""
        body = urlencode({**self._who, **params}).encode()
        host, port = self.server.http
        head = (
            f"POST /open/{block} HTTP/1.1\r\nHost: {host}:{port}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return self.ask(head.encode() + body)

    def ask(self, data: bytes) -> ApiRequest:
        """Sends an HTTP request as it is, on such a connection."""
        connection = self._connection()
        request = ApiRequest(connection.send(data))
        self._watch(connection.sock, lambda: self._on_reply(connection, request))
        return request

    def perform(
        self,
        scripts: Iterable[Script],
        at_once: int = 1,
        every_s: float = 0.0,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        """Runs the scripts to their ends; one that waits in vain is given up, and counted.

        At most `at_once` run at the same time, and `every_s` at the earliest one begins.
        """
        coming = iter(scripts)
        running: list[tuple[Script, Callable[[], bool], float]] = []
        more, next_s = True, 0.0
        while more or running:
            while more and len(running) < at_once and time.monotonic() >= next_s:
                script = next(coming, None)
                more = script is not None
                next_s = time.monotonic() + every_s
                if script is not None:
                    self._resume(script, running, patience_s)
            self._turn()
            now_s = time.monotonic()
            for waiting in list(running):
                script, ready, deadline_s = waiting
                if ready():
                    running.remove(waiting)
                    self._resume(script, running, patience_s)
                elif now_s > deadline_s:
                    running.remove(waiting)
                    self.failures.append("a call did not get what it waited for")

    @staticmethod
    def _resume(
        script: Script,
        running: list[tuple[Script, Callable[[], bool], float]],
        patience_s: float,
    ) -> None:
        try:
            ready = next(script)
        except StopIteration:
            return
        running.append((script, ready, time.monotonic() + patience_s))

    # What comes in ------------------------------------------------------------------------------

    def _turn(self) -> None:
        for key, _ in self._selector.select(_STEP_S):
            key.data()

    def _watch(self, sock: socket.socket, act: Callable[[], None]) -> None:
        self._selector.register(sock, selectors.EVENT_READ, act)

    def _send(self, data: bytes) -> None:
        self._sip.sendto(data, self.server.sip)

    def _request(
        self,
        method: str,
        uri: str,
        call: Call,
        to: str,
        body: str = "",
        in_invite: bool = False,
    ) -> bytes:
        return sip_text.request(
            method, uri, me=self._me, caller=call.caller, call_id=call.call_id, to=to, body=body,
            in_invite=in_invite,
        )  # fmt: skip

    def _on_sip(self) -> None:
        while (received := receive(self._sip)) is not None:
            data, at_ns, _ = received
            message = data.decode("latin-1")
            call = self._calls.get(sip_text.header(message, "Call-ID"))
            if call is None:
                continue
            if message.startswith("BYE "):
                call.stamp("BYE", at_ns)
                self._send(sip_text.ok(message))
                call.stamp("BYE answered", time.time_ns())
            elif sip_text.header(message, "CSeq").endswith("INVITE"):
                self._on_response(call, message, at_ns)

    def _on_response(self, call: Call, message: str, at_ns: int) -> None:
        code = message[8:11]
        if code.startswith("2"):
            self._on_answered(call, message, at_ns)
            return
        call.stamp(code, at_ns)
        if code.startswith("1"):
            return
        to = sip_text.header(message, "To")
        self._send(self._request("ACK", call.uri, call, to, in_invite=True))
        if (code, "CANCEL" in call.times_ns) != ("487", True):
            self.failures.append(message.split("\r\n")[0])

    def _on_answered(self, call: Call, message: str, at_ns: int) -> None:
        uri, to = sip_text.target(message), sip_text.header(message, "To")
        call.ack = self._request("ACK", uri, call, to)
        if call.acknowledged:
            self._send(call.ack)
        call.stamp("200", at_ns)
        call.media_port = sip_text.audio_port(message)
        self._by_media_port[call.media_port] = call

    def _on_audio(self) -> None:
        while (received := receive(self._audio)) is not None:
            data, at_ns, (_, port) = received
            call = self._by_media_port.get(port)
            if call is not None and data[_RTP_HEADER_BYTES:].strip(_SILENCE):
                call.stamp("audio", at_ns)
                call.last_audio_ns = at_ns

    def _on_connection(self) -> None:
        connection = HttpStream.over(self._listener.accept()[0])
        self._watch(connection.sock, lambda: self._on_notification(connection))

    def _on_notification(self, connection: HttpStream) -> None:
        for message in connection.read():
            told = message.form
            call = self._by_number[told["from"]]
            call.session = told["session"]
            call.told.append(told)
            call.stamp(told["call_state"], message.at_ns)
            connection.send(_OK)
        self._drop_if_closed(connection)

    def _on_reply(self, connection: HttpStream, request: ApiRequest) -> None:
        for message in connection.read():
            request.status = self.status_of(message)
            request.replied_ns = message.at_ns
            if request.status != "success_ok":
                self.failures.append(request.status)
            self._selector.unregister(connection.sock)
            self._idle.append(connection)
            return
        self._drop_if_closed(connection)

    def _drop_if_closed(self, connection: HttpStream) -> None:
        if connection.closed:
            self._selector.unregister(connection.sock)
            connection.sock.close()

    @staticmethod
    def status_of(reply: HttpMessage) -> str:
        """What a reply says; `success_ok` if all is well."""
        return str(json.loads(reply.body)["status"])

    def _connection(self) -> HttpStream:
        """A warm connection if there is one; the server closes those that idle for long."""
        while self._idle:
            connection = self._idle.pop()
            connection.read()
            if not connection.closed:
                return connection
            connection.sock.close()
        return HttpStream.over(socket.create_connection(self.server.http))
