"""A registration as a registrar sees it, by hand, over UDP and TCP, and a clock that moves when told."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import pytest

from onhook.phone import Trunk
from onhook.phone.addresses import Address
from onhook.phone.locating.target import Target
from onhook.phone.outside.client import OnFound
from onhook.phone.registration.machine import RegistrationState
from onhook.phone.registration.pinger import TrunkPinger
from onhook.phone.registration.registrar import Answer, TrunkRegistration
from onhook.testing.digest import expected_response, read_params
from phone.peer import PATIENCE_S, Line, Message, Peer, TcpPeer, line

USER = "o1"


@dataclass
class Listener:
    told: list[tuple[str, Any]] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)

    def registered(self, answer: Answer) -> None:
        self.told.append(("registered", answer))

    def not_registered(self, answer: Answer) -> None:
        self.told.append(("failed", answer.status))
        self.hints.append(answer.hint)

    def gone(self) -> None:
        self.told.append(("gone", None))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.told]


@dataclass
class Registrar:
    """The far side of one registration."""

    on: Line
    peer: Peer
    listener: Listener
    registration: TrunkRegistration
    cseqs: list[int] = field(default_factory=list)

    async def asked(self, expires_s: int | None = None) -> Message:
        """The next REGISTER; CSeq grows, Call-ID stays."""
        message = await self.peer.request("REGISTER")
        number, method = message["CSeq"].split()
        assert method == "REGISTER"
        assert int(number) > max(self.cseqs, default=0)
        self.cseqs.append(int(number))
        if expires_s is not None:
            assert message["Expires"] == str(expires_s)
            assert message["Contact"].endswith(f";expires={expires_s}")
        return message

    async def answer(self, request: Message, status: int = 200, *headers: str) -> None:
        names = ("via", "from", "to", "call-id", "cseq")
        lines = [one for one in request.lines if one.split(":")[0].lower() in names]
        text = "\r\n".join((f"SIP/2.0 {status} Whatever", *lines, *headers, "Content-Length: 0"))
        self.peer.send(text + "\r\n\r\n")
        for message in await self.peer.until_quiet():  # what follows it is for the next `asked`
            self.peer._inbox.put_nowait(message)

    async def grant(self, request: Message, seconds: int = 60, *headers: str) -> None:
        contact = request["Contact"].partition(">")[0]
        await self.answer(request, 200, f"Contact: {contact}>;expires={seconds}", *headers)


@asynccontextmanager
async def registering(transport: str = "udp", **trunk: Any) -> AsyncIterator[Registrar]:
    async with line() as on:
        peer = on.peer if transport == "udp" else await on.tcp_peer()
        given = {"username": "shop", "password": "secret", "register": True, **trunk}
        host, port = peer.address
        made = Trunk(host, port, transport, name="carrier", **given)  # type: ignore[arg-type]
        listener = Listener()
        registration = TrunkRegistration(
            made, USER, on.endpoint, listener,
            clock=on.clock, now=lambda: on.clock.now_s, chance=lambda: 1.0,
        )  # fmt: skip
        registration.start()
        try:
            yield Registrar(on, peer, listener, registration)
        finally:
            registration.abandon()
            if transport == "tcp":
                await peer.close()  # type: ignore[attr-defined]


def challenge(algorithm: str, nonce: str, *, stale: bool = False) -> str:
    said = f'WWW-Authenticate: Digest realm="carrier", nonce="{nonce}", algorithm={algorithm}, qop="auth"'
    return said + (", stale=true" if stale else "")


def proves(request: Message, nonce: str) -> bool:
    given = read_params(request["Authorization"])
    right = expected_response(given, "secret", "REGISTER", b"")
    return given["response"] == right and given["nonce"] == nonce and given["username"] == "shop"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize(
    "algorithm", ["MD5", "SHA-256", "SHA-512-256", "MD5-sess", "SHA-256-sess", "SHA-512-256-sess"]
)
async def test_it_registers_refreshes_and_takes_back(transport: str, algorithm: str) -> None:
    async with registering(transport, from_domain="carrier.example") as it:
        first = await it.asked(600)
        assert first.start == "REGISTER sip:carrier.example SIP/2.0"
        assert first["From"].startswith("<sip:shop@carrier.example>;tag=")
        assert first["To"] == "<sip:shop@carrier.example>"
        ours = f"127.0.0.1:{it.on.endpoint.address[1]}"
        parameter = ";transport=tcp" if transport == "tcp" else ""
        assert first["Contact"] == f"<sip:{USER}@{ours}{parameter}>;expires=600"
        await it.answer(first, 401, challenge(algorithm, "n1"))
        second = await it.asked(600)
        assert proves(second, "n1")
        await it.grant(second, 60)
        assert it.listener.names == ["registered"]
        assert it.registration.until_s == it.on.clock.now_s + 60
        it.on.clock.advance(30)
        refresh = await it.asked(600)
        assert refresh["Call-ID"] == first["Call-ID"]
        assert proves(refresh, "n1")  # a good nonce saves a round
        await it.answer(refresh, 401, challenge(algorithm, "n2", stale=True))
        again = await it.asked(600)
        assert proves(again, "n2")
        await it.grant(again, 60)
        it.registration.remove()
        removal = await it.asked(0)
        await it.answer(removal, 200)
        assert it.listener.names == ["registered", "registered", "gone"]
        it.on.clock.advance(60)
        await it.peer.quiet()


async def test_a_registrar_that_finds_it_too_brief() -> None:
    async with registering() as it:
        await it.answer(await it.asked(600), 423, "Min-Expires: 1800")
        await it.grant(await it.asked(1800), 1800)
        it.on.clock.advance(900)
        await it.asked(1800)


async def test_a_wrong_password_is_tried_once_and_then_seldom() -> None:
    async with registering() as it:
        await it.answer(await it.asked(), 401, challenge("MD5", "n1"))
        await it.answer(await it.asked(), 401, challenge("MD5", "n2"))
        assert it.listener.told == [("failed", 401)]
        it.on.clock.advance(899)
        await it.peer.quiet()
        it.on.clock.advance(1)
        again = await it.asked()
        assert again.all("Authorization") == []


@pytest.mark.parametrize(
    "garbled", ["WWW-Authenticate: ???", "WWW-Authenticate: Digest realm=carrier", "X-Nothing: 1"]
)
async def test_a_challenge_that_nobody_can_read_is_asked_for_again_soon(garbled: str) -> None:
    """A registrar that starts, or a proxy before it that does; not the fault of our password."""
    async with registering() as it:
        for wait_s in (4, 8, 16):
            await it.answer(await it.asked(), 401, garbled)
            it.on.clock.advance(wait_s - 0.1)
            await it.peer.quiet()
            it.on.clock.advance(0.1)
        again = await it.asked()
        assert "its challenge" in it.listener.hints[-1]
        assert "asked again" in it.listener.hints[-1]
        await it.answer(again, 401, challenge("MD5", "n1"))
        await it.grant(await it.asked())
        assert it.listener.names == ["failed"] * 3 + ["registered"]


async def test_a_registrar_in_trouble_says_when_to_come_back() -> None:
    async with registering() as it:
        await it.answer(await it.asked(), 503, "Retry-After: 40")
        it.on.clock.advance(39)
        await it.peer.quiet()
        it.on.clock.advance(1)
        await it.grant(await it.asked())
        assert it.listener.told[0] == ("failed", 503)


async def test_nobody_answers_and_the_registration_lapses() -> None:
    async with registering() as it:
        await it.grant(await it.asked(), 60)
        it.on.clock.advance(30)
        await it.asked()
        for _ in range(3):
            it.on.clock.advance(32)
        assert it.registration.until_s == 60
        assert it.listener.told[-1] == ("failed", 0)


async def test_a_stale_binding_of_ours_is_taken_back_once() -> None:
    """A process that crashed at another port left it."""
    async with registering() as it:
        first = await it.asked()
        old = f"Contact: <sip:{USER}@192.0.2.1:5099>;expires=500"
        other = "Contact: <sip:desk@192.0.2.1:5099>;expires=500"
        await it.grant(first, 60, old, other)
        removal = await it.asked()
        assert removal.all("Contact") == [f"<sip:{USER}@192.0.2.1:5099>;expires=0"]
        await it.answer(removal, 200)
        it.on.clock.advance(30)
        await it.grant(await it.asked(600), 60, old)
        assert it.registration.state is RegistrationState.REGISTERED


async def test_a_registrar_that_writes_our_contact_anew_takes_nothing_back() -> None:
    async with registering() as it:
        await it.answer(
            await it.asked(), 200, f"Contact: <sip:{USER}@198.51.100.7:40001>;expires=30"
        )
        assert it.registration.until_s == 30
        it.on.clock.advance(15)
        await it.asked(600)


async def test_the_service_route_is_kept() -> None:
    async with registering() as it:
        first = await it.asked()
        await it.grant(first, 60, "Service-Route: <sip:a.example;lr>, <sip:b.example;lr>")
        assert it.registration.service_route == ("<sip:a.example;lr>", "<sip:b.example;lr>")
        it.on.clock.advance(30)
        await it.grant(await it.asked(), 60, "Service-Route: nonsense")
        assert not it.registration.service_route


async def test_what_is_granted_counts_though_our_contact_is_not_listed() -> None:
    async with registering() as it:
        await it.answer(await it.asked(), 200, "Expires: 120")
        assert it.registration.until_s == 120


class Several:
    """An endpoint whose trunk has several addresses."""

    def __init__(self, on: Line, addresses: list[Address]) -> None:
        self._on = on
        self.addresses = addresses
        self.absent: list[Address] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._on.endpoint, name)

    @property
    def locator(self) -> "Several":
        return self

    def locate(self, target: Target, on_found: OnFound) -> None:
        on_found(self.addresses)

    def failed(self, address: Address) -> None:
        self.absent.append(address)


async def test_the_next_address_is_tried_and_stays_the_first() -> None:
    async with line() as on:
        dead = await on.another_peer()
        several = Several(on, [dead.address, on.peer.address])
        trunk = Trunk("carrier.example", username="shop", register=True)
        listener = Listener()
        registration = TrunkRegistration(
            trunk, USER, several, listener,
            clock=on.clock, now=lambda: on.clock.now_s, chance=lambda: 1.0,
        )  # fmt: skip
        it = Registrar(on, on.peer, listener, registration)
        registration.start()
        await dead.request("REGISTER")
        on.clock.advance(6)
        await it.grant(await it.asked(), 60)
        assert several.absent == [dead.address]
        on.clock.advance(30)
        await it.grant(await it.asked(), 60)
        assert listener.names == ["registered", "registered"]
        registration.abandon()
        dead.transport.close()


async def test_options_are_sent_again_after_each_answer() -> None:
    async with line() as on:
        statuses: list[int] = []
        host, port = on.peer.address
        pinger = TrunkPinger(
            Trunk(host, port, ping_s=20), on.endpoint,
            lambda outcome: statuses.append(outcome.status),
            clock=on.clock, now=lambda: on.clock.now_s,
        )  # fmt: skip
        pinger.start()
        first = await on.peer.request("OPTIONS")
        assert re.match(r"OPTIONS sip:127.0.0.1:\d+ SIP/2.0", first.start)
        on.peer.answer(first, 404)
        await on.peer.quiet()
        on.clock.advance(19)
        await on.peer.quiet()
        on.clock.advance(1)
        await on.peer.request("OPTIONS")
        on.clock.advance(6)
        assert statuses == [404, 0]
        pinger.stop()
        on.clock.advance(60)


async def test_a_flow_is_kept_open_while_it_is_registered() -> None:
    """By CRLFs, which the peer of these tests cannot read as messages."""
    async with registering(keepalive_s=25) as it:
        await it.grant(await it.asked(), 3600)
        seen: list[bytes] = []
        with patch.object(Peer, "datagram_received", lambda self, data, addr: seen.append(data)):
            it.on.clock.advance(24)
            it.on.clock.advance(1)
            it.on.clock.advance(25)
            async with asyncio.timeout(PATIENCE_S):
                while len(seen) < 2:
                    await asyncio.sleep(0.001)
        assert seen == [b"\r\n\r\n"] * 2
        it.registration.remove()
        await it.answer(await it.asked(0))
        it.on.clock.advance(100)
        await it.peer.quiet()


async def test_a_connection_is_kept_and_made_again_when_it_is_lost() -> None:
    async with registering("tcp", keepalive_s=30) as it:
        trunk = it.peer
        assert isinstance(trunk, TcpPeer)
        await it.grant(await it.asked(), 3600)
        for _ in range(10):
            it.on.clock.advance(30)
        assert len(trunk.connections) == 1
        trunk.connections[0].transport.abort()
        await trunk.gone()
        async with asyncio.timeout(PATIENCE_S):
            while it.registration._was.losses == 0:
                await asyncio.sleep(0.001)
        it.on.clock.advance(4)
        await it.grant(await it.asked(), 3600)
        assert it.listener.names == ["registered", "registered"]


async def test_addresses_that_are_never_found_stop_nothing() -> None:
    async with line() as on:
        several = Several(on, [])
        listener = Listener()
        trunk = Trunk("carrier.example", username="shop", register=True)
        registration = TrunkRegistration(
            trunk, USER, several, listener,
            clock=on.clock, now=lambda: on.clock.now_s, chance=lambda: 1.0,
        )  # fmt: skip
        with patch.object(Several, "locate", lambda self, trunk, on_found: None):
            registration.start()
            on.clock.advance(15)
        assert listener.told == [("failed", 0)]
        several.addresses = [on.peer.address]
        on.clock.advance(4)
        it = Registrar(on, on.peer, listener, registration)
        await it.grant(await it.asked(), 60)
        assert listener.names == ["failed", "registered"]
        registration.abandon()
