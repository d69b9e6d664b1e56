"""A carrier as strict as they come, which other people wrote: Asterisk 22, and what comes of a call with it.

It wants to be registered with over TLS, is found by SRV, whose first server is not there, and takes only what
is encrypted, from its own domain, with reliable provisional responses and session timers of 90 s. It puts
each call on hold for a while.
"""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from acceptance.exchange import Exchange
from acceptance.harness import Customer, Onhook, free_port
from acceptance.heard import fetch, sound, tone_s
from acceptance.wire import RTP_PORTS, Wire
from name_server import NameServer, name_server
from onhook.cli import trunks
from onhook.testing.phone import Phone
from onhook.testing.receiver import Notification, Receiver
from onhook.testing.tones import speech_like
from phone.authority import Authority

DOMAIN = "carrier.example"
PASSWORD = "a password of twenty five"
NUMBER = "+6591234567"
PATIENCE_S = 40.0
TIMER_S = 90
"""What the carrier wants a session to be refreshed within."""
HUM_HZ = 1004
SAID = (
    "Good morning. This message is as long as the carrier listens, and a little longer than that."
)
FAREWELL = "Thank you, that was all. Good bye."


@dataclass(frozen=True, slots=True)
class Carried:
    """What came of one call with the carrier."""

    direction: str
    digits: str = ""
    """The key that the carrier pressed, as the application was told."""
    key: str = ""
    """The key that the application pressed, as the carrier understood it."""
    heard_s: float = 0.0
    """How much speech the carrier heard."""
    hum_s: float = 0.0
    """How much of its tone was recorded."""
    held: bool = False
    """Whether it put the call on hold, was sent nothing but RTCP meanwhile, and audio afterwards."""
    ended_by: str = "nobody"
    refreshed: bool = False
    """Whether the call outlived the session timer."""

    @property
    def good(self) -> bool:
        """Whether both sides understood one another, and the call was kept fresh."""
        understood = (self.digits, self.key) == ("7", "5")
        heard = self.heard_s > 1.0 and self.hum_s > 1.0
        kept = self.held and self.refreshed
        return understood and heard and kept and self.ended_by == "application"

    def __str__(self) -> str:
        verdict = "good" if self.good else "BAD "
        return (
            f"carrier {self.direction:3}: {verdict}  it heard {self.heard_s:.1f} s of speech and the key "
            f"{self.key or 'none'}; of its tone {self.hum_s:.1f} s were heard, and the key "
            f"{self.digits or 'none'}; {'held' if self.held else 'not held'}; "
            f"{'alive' if self.refreshed else 'dead'} after {TIMER_S} s; "
            f"hung up by the {self.ended_by}"
        )


async def carried(root: Path, host: str) -> AsyncIterator[Carried]:
    """A call to the carrier, and one from it, each of which outlives its session timer."""
    async with AsyncExitStack() as stack:
        authority = Authority(Path(tempfile.mkdtemp(prefix="onhook-carrier-")))
        issued = authority.issue(DOMAIN)
        http = (host, free_port())
        carrier = await stack.enter_async_context(
            Exchange(
                root,
                host,
                free_port(),
                role="carrier",
                places={"@PASSWORD@": PASSWORD, "@HTTP_PORT@": str(http[1])},
                files={"certificate.pem": Path(issued.certificate), "key.pem": Path(issued.key)},
            )
        )
        names = await stack.enter_async_context(name_server(_zone(host, carrier.address[1])))
        customer = await stack.enter_async_context(_customer(host, names, Path(authority.file)))
        await _registered(carrier)
        holding = await stack.enter_async_context(_holding(*http))
        wire = await stack.enter_async_context(Wire())
        for way in (_to_it, _from_it):
            try:
                yield await way(carrier, customer, _Hold(wire, holding))
            except (AssertionError, TimeoutError, OSError) as error:
                print(f"{type(error).__name__}: {error}")
                yield Carried("out" if way is _to_it else "in")


def _zone(host: str, port: int) -> str:
    """Its first server is switched off."""
    dead = free_port()
    return (
        f"_sips._tcp.{DOMAIN} 30 SRV 10 0 {dead} first.{DOMAIN}.\n"
        f"_sips._tcp.{DOMAIN} 30 SRV 20 0 {port} second.{DOMAIN}.\n"
        f"first.{DOMAIN} 30 A {host}\n"
        f"second.{DOMAIN} 30 A {host}\n"
    )


@asynccontextmanager
async def _customer(host: str, names: NameServer, ca_file: Path) -> AsyncIterator[Customer]:
    """An application on a server of its own that registers with the carrier."""
    name_host, name_port = names.address
    settings = {
        "sip": f"{host}:0",
        "trusted_peers": f"{host}/32",
        "dns_servers": f"{name_host}:{name_port}",
        "rtp_ports": RTP_PORTS,
    }
    server = Onhook(settings)
    try:
        given = trunks.Given(
            "carrier",
            proxy=DOMAIN,
            transport="tls",
            register=True,
            username="onhook",
            password=PASSWORD,
            from_domain=DOMAIN,
            srtp="require",
            ca_file=str(ca_file),
            codecs="PCMA",
        )
        await trunks.add(server.data, given)
        async with Receiver(repeats=False) as receiver, Phone(host=host) as phone:
            yield await Customer.make(server, receiver, phone)
    finally:
        server.close()


async def _registered(carrier: Exchange) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while "onhook/sip:" not in await carrier.ask("pjsip show contacts"):
            await asyncio.sleep(0.2)


class _Holding:
    """Whoever may put the carrier's calls on hold (its REST interface); they wait for that once a key
    came."""

    def __init__(
        self, http: aiohttp.ClientSession, events: aiohttp.ClientWebSocketResponse
    ) -> None:
        self._http = http
        self._events = events

    async def waits(self) -> str:
        """The call that waits next."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                event = json.loads(await self._events.receive_str())
                if event["type"] == "StasisStart":
                    return str(event["channel"]["id"])

    async def hold(self, channel: str) -> bool:
        return await self._ask("POST", f"channels/{channel}/hold")

    async def resume(self, channel: str) -> bool:
        return await self._ask("DELETE", f"channels/{channel}/hold")

    async def go_on(self, channel: str) -> None:
        """It waits no longer."""
        await self._ask("POST", f"channels/{channel}/continue")

    async def _ask(self, method: str, path: str) -> bool:
        async with self._http.request(method, f"/ari/{path}") as reply:
            return reply.status == 204


@asynccontextmanager
async def _holding(host: str, port: int) -> AsyncIterator[_Holding]:
    login = aiohttp.BasicAuth("onhook", PASSWORD)
    async with (
        aiohttp.ClientSession(f"http://{host}:{port}", auth=login) as http,
        http.ws_connect("/ari/events?app=holding") as events,
    ):
        yield _Holding(http, events)


@dataclass(frozen=True, slots=True)
class _Hold:
    """A hold of the carrier's, and what is seen of it."""

    wire: Wire
    holding: _Holding

    async def seen(self) -> bool:
        """Whether the next call that waits for it is held as it should be; it goes on then."""
        channel = await self.holding.waits()
        held = await self.wire.is_held(
            lambda: self.holding.hold(channel), lambda: self.holding.resume(channel)
        )
        await self.holding.go_on(channel)
        return held


async def _to_it(carrier: Exchange, customer: Customer, hold: _Hold) -> Carried:
    """The application calls a number of the carrier's."""
    url = customer.receiver.url("/dial")
    made = await customer.post("ivr/start/dial", dest=NUMBER, msg="Hello.", notify_url=url)
    assert made["status"] == "success_ok", made
    told = await customer.receiver.next(PATIENCE_S, ivr_block="dial", call_state="ongoing")
    return await _converse(carrier, customer, told, "out", hold)


async def _from_it(carrier: Exchange, customer: Customer, hold: _Hold) -> Carried:
    """The carrier calls a number of the application's, by way of where it registered."""
    await carrier.ask(f"channel originate PJSIP/{customer.number}@onhook extension s@talk")
    told = await customer.receiver.next(PATIENCE_S, call_state="ringing")
    return await _converse(carrier, customer, told, "in", hold)


async def _converse(
    carrier: Exchange, customer: Customer, first: Notification, direction: str, hold: _Hold
) -> Carried:
    """Keys both ways, a hold by each side, what each says, and a message when the timer would have run
    out."""
    session = first["session"]
    began_s = asyncio.get_running_loop().time()
    if direction == "in":
        await customer.block("middle/play", session, msg="Hello.")
        await customer.receiver.next(PATIENCE_S, session=session, ivr_block="play")
    await customer.block("middle/send_digits", session, digits="5")
    await customer.receiver.next(PATIENCE_S, session=session, ivr_block="send_digits")
    held = await hold.seen()
    await customer.block("middle/gather", session, msg=SAID, max_digits="1", timeout="30")
    typed = await customer.receiver.next(PATIENCE_S, session=session, ivr_block="gather")
    await customer.block("middle/record", session, max_duration="3")
    recorded = await customer.receiver.next(PATIENCE_S, session=session, ivr_block="record")
    await customer.post("ivr/middle/hold", session=session)
    while asyncio.get_running_loop().time() - began_s < TIMER_S + 10:
        await asyncio.sleep(1)
    await customer.block("middle/unhold", session)
    await customer.receiver.next(PATIENCE_S, session=session, ivr_block="unhold")
    await customer.block("end/hangup", session, msg=FAREWELL)
    last = await customer.receiver.next(PATIENCE_S, session=session, ivr_block="hangup")
    heard = sound(carrier.read("/onhook/spool/heard.wav"))
    said = await fetch(recorded["record_url"])
    return Carried(
        direction,
        digits=typed["digits"],
        key=(await carrier.ask("dialplan show globals")).partition("KEY=")[2][:1],
        heard_s=speech_like(*heard).voiced_s,
        hum_s=tone_s(*said, hz=HUM_HZ),
        held=held,
        ended_by=last["ended_by"],
        refreshed=True,
    )
