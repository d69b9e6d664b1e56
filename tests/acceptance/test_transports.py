"""Calls in both directions over TLS and over IPv6, with a server that listens on several addresses."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from acceptance.asking import OK
from acceptance.files import BEEP, FileServer
from acceptance.harness import Callee, Customer, Onhook, lay_trunk
from onhook.testing.call_leg import CallLeg
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver
from onhook.testing.streams import PhoneTls
from phone.authority import Authority, Issued

LISTENERS = "127.0.0.1:0,tls:127.0.0.1:0,udp:[::1]:0,tls:[::1]:0"


@asynccontextmanager
async def serving(issued: Issued) -> AsyncIterator[Onhook]:
    settings = {"sip": LISTENERS, "sip_cert": issued.certificate, "sip_key": issued.key}
    server = await asyncio.to_thread(Onhook, settings)
    try:
        yield server
    finally:
        server.close()


async def heard_and_hung_up(
    customer: Customer, call: CallLeg, session: str, files: FileServer
) -> None:
    """A message is played on a call that goes on, a key is pressed, and the server hangs up."""
    await customer.block("middle/gather", session, max_digits="1")
    await call.send_digits("7")
    assert (await customer.receiver.next(ivr_block="gather"))["digits"] == "7"
    msg = f"<url>{files.serve('beep.wav', BEEP)}</url>"
    assert await customer.hangup(session, msg=msg) == OK
    ended = await call.ended()
    assert ended.how is How.BYE_RECEIVED
    assert len(call.recording.audio) >= len(BEEP) // 320 - 1
    assert call.complaints == []


@pytest.mark.parametrize(
    ("transport", "host"), [("tls", "127.0.0.1"), ("udp", "::1"), ("tls", "::1")]
)
async def test_calls_over_tls_and_ipv6(
    transport: str, host: str, receiver: Receiver, files: FileServer, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    ours, theirs = authority.issue("onhook.test"), authority.issue("127.0.0.1", "::1")
    tls = PhoneTls(theirs.certificate, theirs.key, authority.file)
    ipv6 = ":" in host
    shown = f"[{host}]" if ipv6 else host
    ca_file = authority.file if transport == "tls" else None
    async with serving(ours) as server:
        line = await asyncio.to_thread(
            lay_trunk, server, host=shown, transport=transport, ca_file=ca_file
        )
        listener = server.sip_over(transport, ipv6=ipv6)
        phone = Phone(host=host, port=line.port, transport=transport, tls=tls)  # type: ignore[arg-type]
        async with phone:
            customer = await Customer.make(server, receiver, phone)
            call = await phone.call(customer.number, server=listener)
            told = await receiver.next(to=customer.number, call_state="ringing")
            await customer.block("middle/gather", told["session"], max_digits="1")
            await call.answered()
            await call.send_digits("5")
            assert (await receiver.next(ivr_block="gather"))["digits"] == "5"
            await heard_and_hung_up(customer, call, told["session"], files)
            number = Callee(phone, line).another()
            url = receiver.url("/dial")
            reply = await customer.post("ivr/start/dial", dest=number, notify_url=url)
            assert reply["status"] == "success_ok", reply
            taken = await phone.incoming(called=number)
            taken.ring()
            await taken.answer()
            await receiver.next(dial_status="answered")
            await heard_and_hung_up(customer, taken, reply["session"], files)


async def test_a_new_certificate_is_read_on_a_hangup_signal(
    receiver: Receiver, tmp_path: Path
) -> None:
    """The call that goes on does; whoever connects then sees the new one."""
    (tmp_path / "other").mkdir()
    old, new = Authority(tmp_path), Authority(tmp_path / "other")
    issued, later = old.issue("onhook.test"), new.issue("onhook.test")
    async with serving(issued) as server:
        tls = PhoneTls(ca_file=old.file)
        async with Phone(transport="tls", tls=tls) as phone:
            customer = await Customer.make(server, receiver, phone)
            call = await phone.call(customer.number, server=server.sip_over("tls"))
            told = await receiver.next(to=customer.number, call_state="ringing")
            for source, target in (
                (later.certificate, issued.certificate),
                (later.key, issued.key),
            ):
                await asyncio.to_thread(copied, source, target)
            server.process.send_signal(signal.SIGHUP)
            async with asyncio.timeout(60):
                while "sip_certificate_read" not in server.log:
                    await asyncio.sleep(0.05)
            async with Phone(transport="tls", tls=PhoneTls(ca_file=new.file)) as another:
                await another.options(server.sip_over("tls"))
            await customer.block("middle/gather", told["session"], max_digits="1")
            await call.answered()
            await call.send_digits("1")
            await receiver.next(ivr_block="gather")
            assert await customer.hangup(told["session"]) == OK
            assert (await call.ended()).how is How.BYE_RECEIVED


def copied(source: str, target: str) -> None:
    Path(target).write_bytes(Path(source).read_bytes())
