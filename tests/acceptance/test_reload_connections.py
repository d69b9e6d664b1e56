"""SIP connections at a reload: whoever has one goes on over it, and loses not a byte."""

import asyncio
import re
import secrets
import ssl
import tempfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from acceptance.asking import OK
from acceptance.harness import Callee, Customer, Onhook, TrunkLine, lay_trunk
from acceptance.reload_command import connections_made, reloaded
from acceptance.talking import until
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver
from onhook.testing.streams import PhoneTls, Transport
from phone.authority import Authority


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority(Path(tempfile.mkdtemp(prefix="onhook-connections-")))


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[Onhook]:
    """One for all tests, which listens for TCP and TLS."""
    issued = authority.issue("onhook.test")
    settings = {
        "sip": "127.0.0.1:0,tls:127.0.0.1:0",
        "sip_cert": issued.certificate,
        "sip_key": issued.key,
        "retry_schedule": "0.2",
    }
    running = Onhook(settings)
    yield running
    running.close()


@pytest.fixture(scope="module")
def lines(server: Onhook, authority: Authority) -> dict[Transport, TrunkLine]:
    """A trunk over each."""
    return {
        "tcp": lay_trunk(server, transport="tcp", prefix="+6592"),
        "tls": lay_trunk(server, transport="tls", ca_file=authority.file, prefix="+6593"),
    }


async def test_calls_go_on_over_their_connections(
    server: Onhook, lines: dict[Transport, TrunkLine], receiver: Receiver, authority: Authority
) -> None:
    """Of phones that called and that were called, in the clear and with TLS, through two reloads."""
    issued = authority.issue("127.0.0.1")
    tls = PhoneTls(issued.certificate, issued.key, authority.file)
    async with AsyncExitStack() as stack:
        scenes = []
        for transport, line in lines.items():
            caller = Phone(transport=transport, tls=PhoneTls(ca_file=authority.file))
            callee = Phone(port=line.port, transport=transport, tls=tls)
            for phone in (caller, callee):
                await stack.enter_async_context(phone)
            scenes.append(_typing(server, receiver, caller, transport))
            scenes.append(_called(server, receiver, Callee(callee, line)))
        for _ in range(2):
            await asyncio.gather(*(anext(scene) for scene in scenes))
            await reloaded(server)
        await asyncio.gather(*(anext(scene, None) for scene in scenes))
    await until(lambda: not server.pids("relay"), "the relays' ends, with their connections")


async def _typing(
    server: Onhook, receiver: Receiver, phone: Phone, transport: Transport
) -> AsyncGenerator[None, None]:
    """A request before each reload and after the last, and the BYE; each gets one answer."""
    customer = await Customer.make(server, receiver, phone)
    call = await phone.call(customer.number, server=server.sip_over(transport))
    told = await receiver.next(to=customer.number, call_state="ringing")
    await customer.block("middle/gather", told["session"], max_digits="3", timeout="600")
    await call.answered()
    for digit in "12":
        assert (await call.info_digit(digit, timeout_s=60)).status == 200
        yield
    assert (await call.info_digit("3", timeout_s=60)).status == 200
    gathered = await receiver.next(session=told["session"], ivr_block="gather", timeout_s=60)
    assert gathered["digits"] == "123"
    assert (await call.hang_up(timeout_s=60)).how is How.BYE_SENT
    answers = [seen.message.cseq for seen in call.log.received(200)]
    by_request = [
        cseq for cseq in answers if cseq[1] != "INVITE"
    ]  # that of an INVITE until its ACK is there
    assert len(by_request) == len(set(by_request)) == 4, call.log.ladder()
    assert connections_made(phone) == 1
    assert call.complaints == []


async def _called(server: Onhook, receiver: Receiver, callee: Callee) -> AsyncGenerator[None, None]:
    """It answers after the first reload, and is hung up after the last."""
    phone, number = callee.phone, callee.another()
    customer = await Customer.make(server, receiver, phone)
    reply = await customer.post("ivr/start/dial", dest=number, notify_url=receiver.url("/dial"))
    assert reply["status"] == "success_ok", reply
    call = await phone.incoming(called=number)
    call.ring()
    yield
    await call.answer()
    await receiver.next(session=reply["session"], dial_status="answered", timeout_s=60)
    yield
    assert await customer.hangup(reply["session"], notify_url=receiver.url("/end")) == OK
    assert (await call.ended(timeout_s=60)).how is How.BYE_RECEIVED
    await receiver.next(session=reply["session"], call_state="ended", timeout_s=60)
    assert connections_made(phone) == 1
    assert call.complaints == []


async def test_a_message_that_is_cut_in_half_by_the_reload_is_read_whole(
    server: Onhook, authority: Authority
) -> None:
    """One behind it is read too, and each is answered once, in the clear and with TLS."""
    halves = [_halves(server, "tcp", None), _halves(server, "tls", authority.context())]
    await asyncio.gather(*(anext(each) for each in halves))
    await reloaded(server)
    await asyncio.gather(*(anext(each, None) for each in halves))


async def _halves(
    server: Onhook, transport: Transport, secured: ssl.SSLContext | None
) -> AsyncGenerator[None, None]:
    host, port = server.sip_over(transport)
    reader, writer = await asyncio.open_connection(host, port, ssl=secured)
    writer.write(options(transport, 1) + options(transport, 2)[:60])
    assert await answered(reader) == 1
    yield
    writer.write(options(transport, 2)[60:] + options(transport, 3))
    assert [await answered(reader), await answered(reader)] == [2, 3]
    writer.close()


def options(transport: str, number: int) -> bytes:
    """A question that every server answers."""
    return (
        "OPTIONS sip:onhook@127.0.0.1 SIP/2.0\r\n"
        f"Via: SIP/2.0/{transport.upper()} 127.0.0.1:5999;branch=z9hG4bK{secrets.token_hex(8)}\r\n"
        "Max-Forwards: 70\r\nFrom: <sip:a@127.0.0.1>;tag=a\r\nTo: <sip:onhook@127.0.0.1>\r\n"
        f"Call-ID: halves\r\nCSeq: {number} OPTIONS\r\nContent-Length: 0\r\n\r\n"
    ).encode()


async def answered(reader: asyncio.StreamReader) -> int:
    """The number of the request to which the next 200 is."""
    async with asyncio.timeout(60):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    assert head.startswith("SIP/2.0 200 "), head
    [number] = re.findall(r"CSeq: (\d+) OPTIONS", head)
    return int(number)
