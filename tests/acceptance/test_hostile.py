"""What strangers and odd phones send to a running server; and that its log stays one to be read."""

import asyncio
import json
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from acceptance.harness import Customer, Onhook
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver

PATIENCE_S = 60


class Line:
    """A phone by hand: it says in its SDP what no decent one does."""

    def __init__(self, customer: Customer, sock: socket.socket) -> None:
        self._server = customer.server.sip
        self._number = customer.number
        self._socket = sock
        self.call_id = secrets.token_hex(8)
        self._tag = ""

    def send(self, method: str, cseq: int, media_ip: str = "") -> None:
        """A request. Audio that is wanted comes to the port that SIP does: it is nobody else's."""
        host, port = self._socket.getsockname()
        body = ""
        if media_ip:
            body = (
                f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {media_ip}\r\nt=0 0\r\n"
                f"m=audio {port} RTP/AVP 0\r\n"
            )
        lines = [
            f"{method} sip:{self._number}@{self._server[0]} SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{secrets.token_hex(8)};rport",
            "Max-Forwards: 70",
            f"From: <sip:+6591110000@{host}>;tag=x",
            f"To: <sip:{self._number}@x>{self._tag}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:x@{host}:{port}>",
            "Content-Type: application/sdp",
            f"Content-Length: {len(body)}",
        ]
        self._socket.sendto("\r\n".join([*lines, "", body]).encode(), self._server)

    def answer(self, request: str) -> None:
        echoed = ("Via:", "From:", "To:", "Call-ID:", "CSeq:")
        lines = [line for line in request.split("\r\n") if line.startswith(echoed)]
        text = "\r\n".join(["SIP/2.0 200 OK", *lines, "Content-Length: 0", "", ""])
        self._socket.sendto(text.encode(), self._server)

    async def until(self, start: str, of: str = "") -> str:
        """What comes next that begins so, and is ``of`` this request: a number and a method. Answers to the
        one before may be repeated."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE_S):
            while True:
                text = (await loop.sock_recv(self._socket, 65536)).decode(errors="replace")
                if text.startswith(start) and f"\r\nCSeq: {of}" in text:
                    break
        to = next(line for line in text.split("\r\n") if line.startswith("To: "))
        if start.startswith("SIP/2.0 2"):
            self._tag = to[to.index(";tag=") :]
        return text


@asynccontextmanager
async def line_of(customer: Customer) -> AsyncIterator[Line]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        yield Line(customer, sock)


def logged(server: Onhook, event: str) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in server.log.splitlines()]
    return [line for line in lines if line["event"] == event]


@pytest.mark.parametrize("media_ip", ["0.0.0.0", "0.1.2.3", "224.0.0.5", "240.0.0.1"])
async def test_a_call_that_cannot_be_spoken_to_is_refused(
    customer: Customer, receiver: Receiver, media_ip: str
) -> None:
    """Taken, it could neither be answered nor hung up."""
    async with line_of(customer) as line:
        line.send("INVITE", 1, media_ip)
        await line.until("SIP/2.0 488")
        refusals = logged(customer.server, "sip_invite_refused")
        # Of the same address and reason once a minute: the one before may have been of another test.
        assert 488 in [one["status"] for one in refusals if one["peer"] == "127.0.0.1"]
    assert not receiver.notifications


async def test_an_answer_that_cannot_be_spoken_to_ends_the_call(
    customer: Customer, receiver: Receiver
) -> None:
    async with line_of(customer) as line:
        line.send("INVITE", 1)
        told = await receiver.next(to=customer.number, call_state="ringing")
        url = receiver.url("/end")
        reply = await customer.hangup(told["session"], msg="Good bye.", notify_url=url)
        assert reply["status"] == "success_ok"
        await line.until("SIP/2.0 200")
        line.send("ACK", 1, "0.0.0.0")
        line.answer(await line.until("BYE "))
        ended = await receiver.next(session=told["session"], call_state="ended")
        assert (ended["ended_by"], ended["cause"]) == ("system", "no_ack")
        assert (ended["duration"], ended["debit"]) == ("0", "0.000")


async def test_a_caller_that_acknowledges_without_an_answer_and_hangs_up(
    customer: Customer, receiver: Receiver
) -> None:
    """Its BYE comes right behind its ACK: it ended the call, in which nothing could be heard."""
    async with line_of(customer) as line:
        line.send("INVITE", 1)
        told = await receiver.next(to=customer.number, call_state="ringing")
        url = receiver.url("/end")
        reply = await customer.hangup(told["session"], msg="Good bye.", notify_url=url)
        assert reply["status"] == "success_ok"
        await line.until("SIP/2.0 200")
        line.send("ACK", 1)
        line.send("BYE", 2)
        await line.until("SIP/2.0 200 OK", "2 BYE")
        ended = await receiver.next(session=told["session"], call_state="ended")
        assert (ended["ended_by"], ended["cause"]) == ("caller", "hangup")
        assert (ended["duration"], ended["debit"]) == ("0", "0.000")
    asked = await customer.post("voice/query_status", txn_ref=told["txn_ref"])
    assert asked["call_status_dest1"] == "unanswered"


async def test_a_message_goes_on_while_the_call_is_held(
    customer: Customer, receiver: Receiver
) -> None:
    async with line_of(customer) as line:
        line.send("INVITE", 1, "127.0.0.1")
        told = await receiver.next(to=customer.number, call_state="ringing")
        url = receiver.url("/end")
        await customer.hangup(told["session"], msg="Good bye.", notify_url=url)
        await line.until("SIP/2.0 200")
        line.send("ACK", 1)
        line.send("INVITE", 2, "0.0.0.0")
        await line.until("SIP/2.0 200", "2 INVITE")
        line.send("ACK", 2)
        line.answer(await line.until("BYE "))
        ended = await receiver.next(session=told["session"], call_state="ended")
        assert (ended["ended_by"], ended["cause"]) == ("application", "hangup")


async def test_the_log_is_lines_of_json_and_strangers_do_not_write_it(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    server = start(rtp_ports="20000-21999")  # more than there may be sockets is warned of
    customer = await Customer.make(server, receiver, phone)
    call, told = await customer.call()
    for wish in (
        {"msg": "<url>http://127.0.0.1:1/a.wav</url>"},
        {"notify_url": "http://10.0.0.1/"},
        {"msg": "Good bye", "force": "enabled"},
    ):
        refused = await customer.hangup(told["session"], **wish)
        assert refused["status"].startswith("error_")
    host, port = server.url.removeprefix("http://").split(":")
    for _ in range(20):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
        await reader.read()
        writer.close()
    await customer.hangup(told["session"], force="enabled")
    await call.ended()
    assert await asyncio.to_thread(server.stop) == 0
    lines = [json.loads(line) for line in server.log.splitlines()]
    assert {line["level"] for line in lines} == {"info"}
    assert "call_ended" in {line["event"] for line in lines}
    [ended] = logged(server, "call_ended")  # from a trunk's complaint to the call
    assert (ended["session"], ended["sip_call_id"]) == (told["session"], call.call_id)


def test_what_a_server_keeps_is_not_for_other_users(start: Callable[..., Onhook]) -> None:
    """Also in a directory that others may look into, as packages make them."""
    server = start()
    assert not [path for path in server.data.rglob("*") if mode_of(path) & 0o077]


def mode_of(path: Path) -> int:
    """The mode of a file; none of one that a running server has just put away."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return 0
