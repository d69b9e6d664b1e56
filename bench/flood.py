"""What a flood of INVITEs costs those who are there already: `python -m bench.flood`.

Trusted INVITEs to a known number come at a rate that the machine cannot serve. Beside them OPTIONS go out,
one every 20 ms, and calls that were there before go on. Printed is how long OPTIONS waited, what became of
the INVITEs, how late the loop was by the server's own count, and whether the calls of before could be
taken back as ever; with shedding and without.
"""

import argparse
import asyncio
import contextlib
import re
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from typing import cast

from bench.called import PROBE
from bench.rig import Rig, rig

_SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
_OPTIONS_EVERY_S = 0.02
_BEFORE = 20
_BATCH_S = 0.005


class Socket(asyncio.DatagramProtocol):
    """Sends requests of one kind and notes what comes back, by Call-ID."""

    transport: asyncio.DatagramTransport

    def __init__(self, rig_: Rig) -> None:
        self.server = rig_.server.sip
        self.sent_s: dict[str, float] = {}
        self.finals: Counter[str] = Counter()
        self.rang: set[str] = set()
        self.waits_s: list[float] = []
        self.withdrawn: set[str] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio: the socket is ready."""
        self.transport = cast(asyncio.DatagramTransport, transport)
        self.host, self.port = transport.get_extra_info("sockname")

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Asyncio: a response, or a request of the server."""
        text = data.decode()
        call_id = _header(text, "Call-ID")
        status = text[8:11] if text.startswith("SIP/2.0 ") else text.split(" ", 1)[0]
        if status == "180":
            self.rang.add(call_id)
        if status == "487" and call_id not in self.withdrawn:
            self.withdrawn.add(call_id)
        if status[0] in "23456" and call_id in self.sent_s:
            self.waits_s.append(time.perf_counter() - self.sent_s.pop(call_id))
            self.finals[status] += 1
            if "INVITE" in _header(text, "CSeq"):
                self._send("ACK", call_id, _header(text, "To"), cseq=1)

    def request(self, method: str, call_id: str) -> None:
        """A request outside a dialog."""
        self.sent_s[call_id] = time.perf_counter()
        self._send(method, call_id, f"<sip:{PROBE}@{self.server[0]}>", cseq=1)

    def _send(self, method: str, call_id: str, to: str, cseq: int) -> None:
        body = _SDP if method == "INVITE" else ""
        self.transport.sendto(
            (
                f"{method} sip:{PROBE}@{self.server[0]} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP {self.host}:{self.port};branch=z9hG4bK{call_id};rport\r\n"
                f"Max-Forwards: 70\r\nFrom: <sip:+6591234567@bench>;tag=b\r\nTo: {to}\r\n"
                f"Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n"
                f"Contact: <sip:b@{self.host}:{self.port}>\r\nContent-Type: application/sdp\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}"
            ).encode(),
            self.server,
        )


def _header(text: str, name: str) -> str:
    found = re.search(rf"^{name}: ([^\r]*)", text, re.MULTILINE)
    return found.group(1) if found else ""


@dataclass
class Result:
    """Of one flood."""

    options: list[float] = field(default_factory=list)
    lost_options: int = 0
    finals: Counter[str] = field(default_factory=Counter)
    rang: int = 0
    unanswered: int = 0
    before_rang: int = 0
    lag: str = ""

    def line(self, name: str) -> str:
        """One line of the table."""
        waits = sorted(self.options) or [0.0]
        p50, p99, worst = (waits[int(len(waits) * q)] * 1000 for q in (0.5, 0.99, 0.9999))
        return (
            f"{name:16} OPTIONS p50 {p50:6.1f}  p99 {p99:7.1f}  max {worst:7.1f} ms, "
            f"lost {self.lost_options}; INVITEs rang {self.rang}, 503 {self.finals['503']}, "
            f"open {self.unanswered}; calls of before that went on {self.before_rang}/{_BEFORE}; {self.lag}"
        )


async def flood(rig_: Rig, rate: int, seconds: float) -> Result:
    """One flood; the application of PROBE answers nothing, so that calls ring."""
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as stack:

        async def socket() -> Socket:
            transport, made = await loop.create_datagram_endpoint(
                lambda: Socket(rig_), local_addr=("127.0.0.1", 0)
            )
            stack.callback(transport.close)
            return made

        before, probes, calls = await socket(), await socket(), await socket()
        for number in range(_BEFORE):
            before.request("INVITE", f"before{number}")
            await asyncio.sleep(0.02)
        await asyncio.sleep(1)
        probing = asyncio.create_task(_probe(probes, seconds))
        began, sent = time.perf_counter(), 0
        while (passed := time.perf_counter() - began) < seconds:
            while sent < passed * rate:
                calls.request("INVITE", f"flood{sent}")
                sent += 1
            await asyncio.sleep(_BATCH_S)
        await probing
        await asyncio.sleep(2)
        for number in range(_BEFORE):
            before._send("CANCEL", f"before{number}", f"<sip:{PROBE}@{before.server[0]}>", cseq=1)
        await asyncio.sleep(1)
        return Result(
            probes.waits_s, len(probes.sent_s), calls.finals, len(calls.rang),
            len(calls.sent_s) - len(calls.rang & calls.sent_s.keys()), len(before.withdrawn), _lag(rig_),
        )  # fmt: skip


async def _probe(probes: Socket, seconds: float) -> None:
    for number in range(round(seconds / _OPTIONS_EVERY_S)):
        probes.request("OPTIONS", f"probe{number}")
        await asyncio.sleep(_OPTIONS_EVERY_S)


def _lag(rig_: Rig) -> str:
    """The share of looks at which the loop was late by more than 100 ms, as the server counted."""
    host, port = rig_.server.http
    with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=30) as reply:
        text = reply.read().decode()
    looks = {
        bound: float(count)
        for bound, count in re.findall(r'loop_lag_seconds_bucket\{le="([^"]+)"\} (\S+)', text)
    }
    late = looks["+Inf"] - looks["0.1"]
    return f"loop late by over 100 ms at {late:.0f} of {looks['+Inf']:.0f} looks"


def main() -> None:
    """Floods with shedding and without, in turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=1500, help="INVITEs a second")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--lags", default="20,0", help="--shed-lag-ms, separated by commas")
    given = parser.parse_args()
    for lag in given.lags.split(","):
        with rig(settings={"ONHOOK_SHED_LAG_MS": lag}) as rig_:
            rig_.account.add_number(PROBE, f"{rig_.application.url}/stats")
            result = asyncio.run(flood(rig_, given.rate, given.seconds))
            print(result.line("no shedding" if lag == "0" else f"beyond {lag} ms"), flush=True)


if __name__ == "__main__":
    main()
