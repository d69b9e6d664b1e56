"""A scripted SIP answerer for the tests of the test phone: messages by hand, tones in real time.

It reads and writes SIP with regular expressions of its own, so that it does not agree with the
phone by sharing its code.
"""

import asyncio
import re
import socket
import struct
from dataclasses import dataclass, field
from typing import Self

from onhook.testing.g711 import Pcm, encode
from onhook.testing.tones import silence

Address = tuple[str, int]
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Manner:
    """How the answerer treats its calls."""

    plays: Pcm = field(default_factory=lambda: silence(0))
    law: str = "PCMU"
    rings: bool = True
    answers: bool = True
    answer_after_s: float = 0.0
    hangs_up: bool = True
    bye_after_s: float = 0.020
    bye_repeats_s: tuple[float, ...] = ()
    repeat_answer_s: float = 0.1
    rejects: tuple[int, str] | None = None
    record_route: tuple[str, ...] = ()
    bye_headers: str = ""
    answers_bye: bool = True
    skips_frames: tuple[int, ...] = ()
    answers_cancel: bool = True
    answers_invite_from: int = 1
    events: bool = True
    reinvites: bool = False


def header(text: str, name: str) -> str:
    found = re.search(rf"^{name}: *(.*?)\r$", text, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else ""


class AnsweredCall:
    """The callee's side of one call."""

    def __init__(self, owner: "Answerer", invite: str, peer: Address) -> None:
        self.owner, self.invite, self.peer, self.manner = owner, invite, peer, owner.manner
        self.loop = asyncio.get_running_loop()
        self.invites = 1
        self.acks: list[str] = []
        self.last = ""
        self.cancelled = False
        self.rtp_in: list[tuple[bytes, Address]] = []
        self.frames_sent: list[tuple[float, float]] = []  # just before and just after sending
        self.bye_sent_s = (0.0, 0.0)
        self.timers: list[asyncio.TimerHandle] = []
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.bind(("127.0.0.1", 0))
        self.loop.add_reader(self.sock.fileno(), self._read_rtp)

    def later(self, delay_s: float, fn: object, *args: object) -> None:
        self.timers.append(self.loop.call_later(delay_s, fn, *args))  # type: ignore[arg-type]

    def begin(self) -> None:
        self.respond("100 Trying", tag=False)
        refusal = self.manner.rejects or self._refusal()
        if refusal is not None:
            self.final(f"{refusal[0]} {refusal[1]}")
            return
        if self.manner.rings:
            self.respond("180 Ringing")
        if self.manner.answers:
            self.later(self.manner.answer_after_s, self.answer)

    def _refusal(self) -> tuple[int, str] | None:
        if re.match(r"INVITE sip:[^@]*404@", self.invite):
            return 404, "Not Found"
        offered = re.search(r"m=audio \d+ RTP/AVP (.*)\r", self.invite)
        if offered and not {"0", "8"} & set(offered[1].split()) and "PCM" not in self.invite:
            return 488, "Not Acceptable Here"
        return None

    def respond(self, status: str, tag: bool = True, extra: str = "", body: str = "") -> None:
        self.last = self.owner.response(self.invite, status, ";tag=callee" * tag, extra, body)
        self.owner.send(self.last, self.peer)

    def final(self, status: str) -> None:
        self.respond(status)
        self.later(self.manner.repeat_answer_s, self._repeat_final)

    def _repeat_final(self) -> None:
        if not self.acks:
            self.owner.send(self.last, self.peer)
            self.later(self.manner.repeat_answer_s, self._repeat_final)

    def answer(self) -> None:
        if self.cancelled:
            return
        routes = "".join(f"Record-Route: {route}\r\n" for route in self.manner.record_route)
        port = self.owner.port
        extra = (
            f"Contact: <sip:callee@127.0.0.1:{port}>\r\n{routes}Content-Type: application/sdp\r\n"
        )
        self.respond("200 OK", extra=extra, body=self.sdp())
        self.later(self.manner.repeat_answer_s, self._repeat_final)

    def sdp(self) -> str:
        number = re.search(rf"a=rtpmap:(\d+) {self.manner.law}/8000", self.invite)
        event = re.search(r"a=rtpmap:(\d+) telephone-event", self.invite)
        types = [number[1] if number else {"PCMU": "0", "PCMA": "8"}[self.manner.law]]
        maps = f"a=rtpmap:{types[0]} {self.manner.law}/8000\r\n"
        if self.manner.events and (event or "m=audio" not in self.invite):
            types.append(event[1] if event else "101")
            maps += f"a=rtpmap:{types[1]} telephone-event/8000\r\n"
        port = self.sock.getsockname()[1]
        return (
            "v=0\r\no=- 7 7 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP {' '.join(types)}\r\n{maps}a=ptime:20\r\n"
        )

    def on_ack(self, text: str) -> None:
        self.acks.append(text)
        if self.last.startswith("SIP/2.0 200") and len(self.acks) == 1:
            described = self.invite if "m=audio" in self.invite else text
            found = re.search(r"m=audio (\d+)", described)
            self.rtp_to = ("127.0.0.1", int(found[1]) if found else 9)
            number = re.search(rf"a=rtpmap:(\d+) {self.manner.law}/8000", described)
            self.payload_type = int(number[1]) if number else 0
            self.code = encode(self.manner.law, self.manner.plays)
            self.started_s = self.loop.time()
            if self.manner.reinvites:
                self.owner.send(
                    self.request("INVITE", 20, "Content-Type: application/sdp\r\n"), self.peer
                )
            self.play(0)

    def play(self, frame: int) -> None:
        chunk = self.code[frame * 160 : (frame + 1) * 160]
        if not chunk:
            if self.manner.hangs_up:
                self.later(max(0.0, self.manner.bye_after_s - 0.020), self.bye)
            return
        if frame not in self.manner.skips_frames:
            top = 0x80 | self.payload_type if frame == 0 else self.payload_type
            head = struct.pack(
                "!BBHII",
                0x80,
                top,
                65530 + frame & 0xFFFF,
                0xFFFFFF00 + 160 * frame & 0xFFFFFFFF,
                77,
            )
            before_s = self.loop.time()
            self.sock.sendto(head + chunk, self.rtp_to)
            self.frames_sent.append((before_s, self.loop.time()))
        due_s = self.started_s + (frame + 1) * 0.020
        self.timers.append(self.loop.call_at(due_s, self.play, frame + 1))

    def request(self, method: str, number: int, extra: str = "") -> str:
        target = re.search(r"<(sip:[^>]*)>", header(self.invite, "Contact"))
        body = self.sdp() if "sdp" in extra else ""
        return (
            f"{method} {target[1] if target else ''} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.owner.port};branch=z9hG4bKs{method}{number}\r\n"
            f"Max-Forwards: 70\r\nFrom: {header(self.invite, 'To')};tag=callee\r\n"
            f"To: {header(self.invite, 'From')}\r\nCall-ID: {header(self.invite, 'Call-ID')}\r\n"
            f"CSeq: {number} {method}\r\n{extra}Content-Length: {len(body)}\r\n\r\n{body}"
        )

    def bye(self) -> None:
        text = self.request("BYE", 30, self.manner.bye_headers)
        before_s = self.loop.time()
        self.owner.send(text, self.peer)
        self.bye_sent_s = before_s, self.loop.time()
        for delay_s in self.manner.bye_repeats_s:
            self.later(delay_s, self.owner.send, text, self.peer)

    def on_cancel(self, text: str) -> None:
        if self.last.startswith(("SIP/2.0 200", "SIP/2.0 4")):
            return
        self.cancelled = True
        if self.manner.answers_cancel:
            self.final("487 Request Terminated")

    def _read_rtp(self) -> None:
        try:
            while True:
                self.rtp_in.append(self.sock.recvfrom(2000))
        except BlockingIOError:
            return

    def close(self) -> None:
        for timer in self.timers:
            timer.cancel()
        self.loop.remove_reader(self.sock.fileno())
        self.sock.close()


class Answerer(asyncio.DatagramProtocol):
    """A UDP socket on a free port that answers calls in one manner."""

    def __init__(self, manner: Manner | None = None) -> None:
        self.manner = manner or Manner()
        self.calls: dict[str, AnsweredCall] = {}
        self.requests: list[str] = []
        self.responses: list[str] = []
        self.changed = asyncio.Event()
        self.port = 0

    @property
    def address(self) -> Address:
        return "127.0.0.1", self.port

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0)
        )
        self.port = self.transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        for call in self.calls.values():
            call.close()
        self.transport.close()

    @property
    def only_call(self) -> AnsweredCall:
        (call,) = self.calls.values()
        return call

    async def responded(self, count: int) -> list[str]:
        """Wait until so many responses have come."""
        while len(self.responses) < count:
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), PATIENCE_S)
        return self.responses

    async def asked(self, method: str, count: int = 1) -> None:
        """Wait until so many requests of this method have come."""
        while self.methods().count(method) < count:
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), PATIENCE_S)

    def methods(self) -> list[str]:
        return [text.split(" ", 1)[0] for text in self.requests]

    def send(self, text: str, to: Address) -> None:
        self.transport.sendto(text.encode(), to)

    def response(
        self, text: str, status: str, tag: str = "", extra: str = "", body: str = ""
    ) -> str:
        to = header(text, "To")
        return (
            f"SIP/2.0 {status}\r\nVia: {header(text, 'Via')};received=127.0.0.1\r\n"
            f"From: {header(text, 'From')}\r\nTo: {to}{'' if ';tag=' in to else tag}\r\n"
            f"Call-ID: {header(text, 'Call-ID')}\r\nCSeq: {header(text, 'CSeq')}\r\n"
            f"{extra}Content-Length: {len(body)}\r\n\r\n{body}"
        )

    def datagram_received(self, data: bytes, addr: Address) -> None:
        text = data.decode()
        if text.startswith("SIP/2.0"):
            self.responses.append(text)
            self.changed.set()
            return
        self.requests.append(text)
        self.changed.set()
        method = text.split(" ", 1)[0]
        call = self.calls.get(header(text, "Call-ID"))
        if method == "INVITE":
            self._on_invite(text, addr, call)
        elif method == "ACK":
            if call is not None:
                call.on_ack(text)
        elif method == "BYE" and call is not None and not call.manner.answers_bye:
            return
        else:
            known = call is not None or method == "OPTIONS"
            self.send(self.response(text, "200 OK" if known else "481 Gone", ";tag=callee"), addr)
            if method == "CANCEL" and call is not None:
                call.on_cancel(text)

    def _on_invite(self, text: str, addr: Address, call: AnsweredCall | None) -> None:
        if call is not None:
            call.invites += 1
            if call.invites > call.manner.answers_invite_from:
                self.send(call.last, addr)
        else:
            call = self.calls[header(text, "Call-ID")] = AnsweredCall(self, text, addr)
        if call.invites == call.manner.answers_invite_from:
            call.begin()
