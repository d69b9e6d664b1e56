"""A flood of calls to a known number by a trusted peer: those who are there already hardly notice."""

import asyncio
import json
import re
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import pytest

from acceptance.asking import OK
from acceptance.files import FileServer
from acceptance.harness import Customer, Onhook
from acceptance.talking import hears
from acceptance.test_in_dialog import playing_tone
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver

pytestmark = pytest.mark.slow  # it takes the whole machine, and other tests hear it

INVITES = 600
WAVES = 10  # a fast machine is not late with the first
SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"


class Flood(asyncio.DatagramProtocol):
    """A peer that sends INVITEs and OPTIONS by hand, and notes the last that came back for each."""

    transport: asyncio.DatagramTransport

    def __init__(self, customer: Customer) -> None:
        self._number = customer.number
        self._server = customer.server.sip
        self.answers: dict[str, str] = {}
        self.retry_after: set[str] = set()
        self._changed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)
        self._where = ":".join(map(str, transport.get_extra_info("sockname")))

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        text = data.decode()
        if text.startswith("SIP/2.0 "):
            call_id = header(text, "Call-ID")
            self.answers[call_id] = text[8:11]
            self.retry_after |= {header(text, "Retry-After")} if text[8:11] == "503" else set()
            self._changed.set()

    def send(self, method: str, call_id: str) -> None:
        body = SDP if method == "INVITE" else ""
        host = self._server[0]
        self.transport.sendto(
            (
                f"{method} sip:{self._number}@{host} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP {self._where};branch=z9hG4bK{call_id}\r\nMax-Forwards: 70\r\n"
                f"From: <sip:+6591234567@flood>;tag=f\r\nTo: <sip:{self._number}@{host}>\r\n"
                f"Call-ID: {call_id}\r\nCSeq: 1 {method}\r\nContact: <sip:f@{self._where}>\r\n"
                f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}"
            ).encode(),
            self._server,
        )

    async def answered(self, *call_ids: str) -> None:
        """A response came to each of these; what got none is sent once more, as SIP does."""
        async with asyncio.timeout(60):
            while missing := [one for one in call_ids if one not in self.answers]:
                self._changed.clear()
                try:
                    await asyncio.wait_for(self._changed.wait(), 1)
                except TimeoutError:
                    for call_id in missing[:200]:
                        self.send(call_id.partition("-")[0], call_id)

    async def rise(self) -> None:
        """Send INVITEs as fast as it can, more and more until one of them is shed; and OPTIONS between
        them, each of which is answered with 200."""
        for wave in range(WAVES):
            calls = [f"INVITE-{wave}-{number}" for number in range(INVITES)]
            probes = [f"OPTIONS-{wave}-{number}" for number in range(0, INVITES, 50)]
            for number, call_id in enumerate(calls):
                self.send("INVITE", call_id)
                if number % 50 == 0:
                    self.send("OPTIONS", probes[number // 50])
                    await asyncio.sleep(0)  # what came back is read
            await self.answered(*probes, *calls)
            assert {self.answers[probe] for probe in probes} == {"200"}
            if "503" in self.outcomes():
                return

    def outcomes(self) -> Counter[str]:
        return Counter(self.answers[call] for call in self.answers if call.startswith("INVITE"))


def header(text: str, name: str) -> str:
    found = re.search(rf"^{name}: ([^\r]*)", text, re.MULTILINE)
    return found.group(1) if found else ""


@asynccontextmanager
async def flooding(customer: Customer) -> AsyncIterator[Flood]:
    loop = asyncio.get_running_loop()
    transport, flood = await loop.create_datagram_endpoint(
        lambda: Flood(customer), local_addr=("127.0.0.1", 0)
    )
    yield flood
    transport.close()


def metric(server: Onhook, name: str) -> float:
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=30) as reply:
        lines = reply.read().decode().splitlines()
    return float(next((line.split()[-1] for line in lines if line.startswith(name)), 0))


def stored(server: Onhook) -> int:
    """How many calls the server has written down."""
    listed = subprocess.run(
        [sys.executable, "-m", "onhook", "calls", "list", "--json", "--limit", "100000",
         "--data", str(server.data)],
        capture_output=True, check=True,
    )  # fmt: skip
    return len(json.loads(listed.stdout))


async def test_what_is_too_much_is_shed_and_all_else_goes_on(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone, files: FileServer
) -> None:
    server = start(shed_lag_ms="1", ringing_s="180")
    customer = await Customer.make(server, receiver, phone)
    call, session = await playing_tone(customer, files, lasts_s=240)  # longer than any flood
    async with flooding(customer) as flood:
        await flood.rise()
        found = flood.outcomes()
        assert set(found) == {"180", "503"}
        assert flood.retry_after == {"5"}
        assert metric(server, 'onhook_sip_total{kind="shed"}') >= found["503"]
        looks = metric(server, "onhook_loop_lag_seconds_count")
        in_time = metric(server, 'onhook_loop_lag_seconds_bucket{le="0.1"}')
        assert in_time > 0.95 * looks  # by the CPU time of the loop's own thread
        assert stored(server) == found["180"] + 1  # nothing is kept of what was shed
        await hears(call, 1000, asyncio.get_running_loop().time())
        assert (await customer.hangup(session, force="enabled")) == OK
        await call.ended()
        assert not call.complaints


async def test_a_limit_for_one_address(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    server = start(shed_lag_ms="0", invites_per_s="5")
    customer = await Customer.make(server, receiver, phone)
    async with flooding(customer) as flood:
        for number in range(200):
            flood.send("INVITE", f"INVITE-{number}")
        await flood.answered(*(f"INVITE-{number}" for number in range(200)))
        found = flood.outcomes()
    assert found["180"] >= 5
    assert found["503"] > found["180"]
    assert stored(server) == found["180"]
