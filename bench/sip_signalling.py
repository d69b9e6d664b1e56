"""What a call costs the SIP endpoint: INVITE, 180, 200, ACK, BYE and 200 over real UDP.

    python bench/sip_signalling.py [--calls N] [--at-once N] [--loop uvloop|asyncio]

The endpoint runs in this process, and the callers in another one, so that the CPU time printed is
the endpoint's alone, kernel included. Each call is hung up by the endpoint as soon as its ACK arrives,
the second figure is the time from `hangup()` to the BYE handed to the socket.
"""

import argparse
import asyncio
import json
import multiprocessing
import socket
import time
from collections.abc import Callable
from ipaddress import IPv4Network

import structlog
import uvloop

from onhook.phone import IncomingCall, RemoteMedia, SipCause, SipEndpoint

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
)


def call_many(server: tuple[str, int], calls: int, at_once: int) -> None:
    """Place calls, a fixed number at a time, as fast as they are answered."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(5)
    host, port = sock.getsockname()
    placed = ended = 0

    def message(method: str, number: int, to: str, *more: str, body: str = "") -> bytes:
        lines = (
            f"{method} sip:+6531234567@{server[0]}:{server[1]} SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{number}{method};rport",
            f"From: <sip:+6591234567@{host}:{port}>;tag=c{number}",
            f"To: {to}",
            f"Call-ID: {number}@bench",
            f"CSeq: 1 {method}",
            f"Contact: <sip:bench@{host}:{port}>",
            "Max-Forwards: 70",
            "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS",
            *more,
            f"Content-Length: {len(body)}",
        )
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()

    def place() -> None:
        nonlocal placed
        placed += 1
        kind = "Content-Type: application/sdp"
        sock.sendto(message("INVITE", placed, "<sip:+6531234567@x>", kind, body=SDP), server)

    for _ in range(min(at_once, calls)):
        place()
    while ended < calls:
        text = sock.recv(4096).decode()
        lines = {name: value for name, _, value in (
            line.partition(": ") for line in text.split("\r\n\r\n")[0].split("\r\n")[1:])}  # fmt: skip
        if text.startswith("SIP/2.0 200") and lines["CSeq"].endswith("INVITE"):
            sock.sendto(message("ACK", int(lines["Call-ID"].split("@")[0]), lines["To"]), server)
        elif text.startswith("BYE"):
            kept = ("Via", "From", "To", "Call-ID", "CSeq")
            reply = "".join(f"{name}: {lines[name]}\r\n" for name in kept)
            sock.sendto(f"SIP/2.0 200 OK\r\n{reply}Content-Length: 0\r\n\r\n".encode(), server)
            ended += 1
            if placed < calls:
                place()


class Owner:
    """Rings, answers, and hangs up at the ACK."""

    def __init__(self, call: IncomingCall, done: Callable[[float], None]) -> None:
        self._call = call
        self._done = done
        self._bye_s = 0.0

    def acknowledged(self, answer: RemoteMedia | None) -> None:
        started = time.perf_counter()
        self._call.hangup()
        self._bye_s = time.perf_counter() - started

    def hangup_done(self, cause: SipCause) -> None:
        self._done(self._bye_s)

    def hung_up(self, cause: SipCause) -> None:
        raise AssertionError("the callers never hang up")

    def session_lost(self, cause: SipCause) -> None:
        raise AssertionError("the calls are short")

    def dialog_changed(self) -> None:
        raise AssertionError("the calls are short")

    def cancelled(self, cause: SipCause) -> None:
        raise AssertionError("the callers never cancel")

    def no_ack(self) -> None:
        raise AssertionError("an ACK was lost")

    def media_moved(self, media: RemoteMedia) -> None:
        raise AssertionError("the callers stay where they are")

    def digit(self, digit: str) -> None:
        raise AssertionError("the callers press nothing")


async def run(calls: int, at_once: int) -> dict[str, float]:
    first, finished = asyncio.Event(), asyncio.Event()
    byes: list[float] = []

    def done(bye_s: float) -> None:
        byes.append(bye_s)
        if len(byes) == calls:
            finished.set()

    def on_call(call: IncomingCall) -> Owner:
        first.set()
        call.ring()
        call.answer(ip="127.0.0.1", port=20000)
        return Owner(call, done)

    endpoint = SipEndpoint(on_call=on_call, trusted_peers=[IPv4Network("127.0.0.0/8")])
    await endpoint.start("127.0.0.1", 0)
    callers = multiprocessing.get_context("spawn").Process(
        target=call_many, args=(endpoint.address, calls, at_once)
    )
    callers.start()
    await first.wait()
    started, cpu = time.perf_counter(), time.process_time()
    await finished.wait()
    took_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu
    retransmissions = endpoint.counters["retransmissions"]
    await endpoint.close()
    callers.join(10)
    byes.sort()
    return {
        "calls": calls,
        "calls_per_s": round(calls / took_s),
        "cpu_ms_per_call": round(1000 * cpu_s / calls, 3),
        "calls_per_core_s": round(calls / cpu_s),
        "hangup_to_bye_p50_ms": round(1000 * byes[len(byes) // 2], 3),
        "hangup_to_bye_p99_ms": round(1000 * byes[len(byes) * 99 // 100], 3),
        "retransmissions": retransmissions,
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--calls", type=int, default=5000)
    arguments.add_argument("--at-once", type=int, default=20)
    arguments.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    chosen = arguments.parse_args()
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    factory = uvloop.new_event_loop if chosen.loop == "uvloop" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        print(json.dumps(runner.run(run(chosen.calls, chosen.at_once))))


if __name__ == "__main__":
    main()
