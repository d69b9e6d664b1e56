"""A carrier's registrar, over UDP and TCP on one port: what it was asked, and who is registered.

It shares nothing with the code under test but the digest of the test phone.
"""

import asyncio
import re
import secrets
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from onhook.testing.digest import expected_response, read_params
from ports import free_port

PATIENCE_S = 60.0
_CONTACT = re.compile(r"<sip:([^@>]+)@([^>]+)>;expires=(\d+)")


class Asked:
    """A request, split without any of the code under test."""

    def __init__(self, data: bytes) -> None:
        self.start, *self.lines = data.decode().partition("\r\n\r\n")[0].split("\r\n")
        self.method = self.start.split()[0]

    def __getitem__(self, name: str) -> str:
        """A header's value; the empty string without one."""
        found = [one for one in self.lines if one.lower().startswith(name.lower() + ":")]
        return found[0].partition(":")[2].strip() if found else ""


@dataclass
class Registrar:
    """`min_expires_s` gets a 423, `statuses` are what the next requests get instead of an answer."""

    username: str = "shop"
    password: str = "s3cret"
    algorithm: str = "MD5"
    grants_s: int = 60
    min_expires_s: int = 0
    stale: int = 0
    answers_options: bool = True
    service_route: str = ""
    statuses: list[int] = field(default_factory=list)
    bindings: dict[str, str] = field(default_factory=dict)
    """Where calls go, by the user part of the Contact."""
    seen: list[str] = field(default_factory=list)
    """Whatever was registered, in order."""
    asked: list[Asked] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    port: int = field(default_factory=free_port)
    _nonces: set[str] = field(default_factory=set)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _transport: asyncio.DatagramTransport | None = None
    _server: asyncio.Server | None = None
    transports: set[str] = field(default_factory=set)

    async def until(self, what: str, holds: Callable[[], object]) -> None:
        """Waits until `holds()`; an assertion says `what` was waited for in vain."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not holds():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(
                f"{what} did not come; {[one.start for one in self.asked]}"
            ) from None

    async def registered(self) -> str:
        """The user part of the Contact, once it is registered."""
        await self.until("a registration", lambda: self.bindings)
        return next(iter(self.bindings))

    async def forgotten(self) -> None:
        """Until nobody is registered."""
        await self.until("that it is taken back", lambda: not self.bindings)

    def registers(self) -> list[Asked]:
        return [one for one in self.asked if one.method == "REGISTER"]

    def answer(self, data: bytes) -> bytes:
        asked = Asked(data)
        self.asked.append(asked)
        self.transports.add(asked["Via"].split()[0].rpartition("/")[2])
        try:
            status, headers = self._answer(asked)
        finally:
            self._changed.set()
        names = ("via", "from", "call-id", "cseq")
        lines = [one for one in asked.lines if one.split(":")[0].lower() in names]
        to = f"To: {asked['To']};tag=registrar"
        head = (f"SIP/2.0 {status} Whatever", *lines, to, *headers, "Content-Length: 0")
        return ("\r\n".join(head) + "\r\n\r\n").encode() if status else b""

    def _answer(self, asked: Asked) -> tuple[int, list[str]]:
        if self.statuses:
            return self.statuses.pop(0), []
        if asked.method != "REGISTER":
            return (200 if self.answers_options else 0), []
        if challenge := self._challenge(asked):
            return 401, [challenge]
        found = [_CONTACT.fullmatch(one.strip()) for one in asked["Contact"].split(",")]
        contacts = [one.groups() for one in found if one]
        if not contacts:
            self.wrong.append(f"Contact: {asked['Contact']}")
            return 400, []
        for user, where, seconds in contacts:
            if 0 < int(seconds) < self.min_expires_s:
                return 423, [f"Min-Expires: {self.min_expires_s}"]
            if seconds == "0":
                self.bindings.pop(user, None)
            else:
                self.bindings[user] = where
                self.seen.append(where)
        listed = [
            f"Contact: <sip:{u}@{w}>;expires={self.grants_s}" for u, w in self.bindings.items()
        ]
        route = [f"Service-Route: {self.service_route}"] if self.service_route else []
        return 200, [*listed, *route]

    def _challenge(self, asked: Asked) -> str:
        """What it is to prove; nothing once it did."""
        given = read_params(asked["Authorization"])
        if given.get("nonce") in self._nonces:
            right = expected_response(given, self.password, "REGISTER", b"")
            if given["username"] == self.username and given["response"] == right:
                if self.stale <= 0:
                    return ""
                self.stale -= 1
                self._nonces.clear()
        nonce = secrets.token_hex(8)
        stale = ", stale=true" if given and not self._nonces else ""
        self._nonces.add(nonce)
        return (
            f'WWW-Authenticate: Digest realm="carrier", nonce="{nonce}", qop="auth", '
            f"algorithm={self.algorithm}{stale}"
        )


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, registrar: Registrar) -> None:
        self.registrar = registrar

        self.given: dict[bytes, bytes] = {}

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """One that comes again, since its answer was late, is answered as before and not counted."""
        transport = self.registrar._transport
        if not data.strip() or transport is None:
            return
        if answer := self.given.get(data) or self.registrar.answer(data):
            self.given[data] = answer
            transport.sendto(answer, addr)


@asynccontextmanager
async def registrar(
    tls: ssl.SSLContext | None = None, **settings: object
) -> AsyncIterator[Registrar]:
    """With `tls`, what comes over TCP is TLS."""
    made = Registrar(**settings)  # type: ignore[arg-type]
    loop = asyncio.get_running_loop()
    where = ("127.0.0.1", made.port)
    transport, _ = await loop.create_datagram_endpoint(lambda: _Udp(made), local_addr=where)
    made._transport = transport

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.readuntil(b"\r\n\r\n"):
                if data.strip() and (answer := made.answer(data.lstrip())):
                    writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    made._server = await asyncio.start_server(connected, *where, ssl=tls)
    try:
        yield made
    finally:
        transport.close()
        made._server.close()
    assert made.wrong == []
