"""Registered with Kamailio, and called through it; and Kamailio as the TLS edge of a carrier."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from acceptance.asking import OK
from acceptance.harness import Customer, Onhook, know_trunk
from acceptance.heard import fetch, tone_s
from acceptance.kamailio import PASSWORD, Edge, kamailio
from acceptance.registrar import PATIENCE_S
from onhook.cli import trunks
from onhook.cli.trunk_health import health_of_all
from onhook.testing import How
from onhook.testing.call_leg import CallLeg
from onhook.testing.g711 import RATE_HZ
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver
from onhook.testing.tones import speech_like, tone
from phone.authority import Authority

pytestmark = pytest.mark.slow

BEHIND = "+6591112222"
"""Whom Kamailio reaches over UDP."""
SAID = "Good morning. This is a message of a length at which it can be heard well."


async def registered(server: Onhook) -> None:
    """Returns once the trunk is up, and calls are taken from it."""
    await asyncio.to_thread(know_trunk, server, "carrier")
    async with asyncio.timeout(PATIENCE_S):
        while not (await health_of_all(server.data)).get("carrier", {}).get("up"):
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("transport", "host"),
    [("udp", "127.0.0.1"), ("tcp", "127.0.0.1"), ("udp", "::1"), ("tcp", "::1")],
)
async def test_a_call_through_kamailio(
    start: Callable[..., Onhook], receiver: Receiver, tmp_path: Path, transport: str, host: str
) -> None:
    """It wants a digest, grants 20 s, and finds us where we registered."""
    place = f"[{host}]" if ":" in host else host
    async with kamailio(tmp_path, host=host) as edge, Phone(host=host) as phone:
        server = start(sip=f"{place}:0", trusted_peers="192.0.2.0/24")
        customer = await Customer.make(server, receiver, phone)
        given = trunks.Given(
            "carrier", f"{place}:{edge.port}", transport=transport, register=True,
            username=customer.number, password=PASSWORD, from_domain=host,
        )  # fmt: skip
        await trunks.add(server.data, given)
        await registered(server)
        call = await phone.call(customer.number, server=(host, edge.port))
        told = await receiver.next(to=customer.number, call_state="ringing")
        assert told["trunk"] == "carrier"
        assert await customer.hangup(told["session"]) == OK
        assert (await call.ended()).code == 603
        assert server.stop() == 0
        gone = await phone.call(customer.number, server=(host, edge.port))
        assert (await gone.ended()).code == 404


async def at_the_edge(
    start: Callable[..., Onhook],
    receiver: Receiver,
    stack: AsyncExitStack,
    directory: Path,
) -> tuple[Customer, Edge]:
    """A server that registers with Kamailio over TLS, behind which a phone is reached over UDP."""
    authority = Authority(directory)
    phone = await stack.enter_async_context(Phone())
    edge = await stack.enter_async_context(
        kamailio(
            directory,
            issued=authority.issue("127.0.0.1"),
            behind=BEHIND,
            behind_at=f"127.0.0.1:{phone.address[1]}",
        )
    )
    ours = authority.issue("127.0.0.1")
    server = start(
        sip="udp:127.0.0.1:0,tls:127.0.0.1:0",
        sip_cert=ours.certificate,
        sip_key=ours.key,
        trusted_peers="192.0.2.0/24",
    )
    customer = await Customer.make(server, receiver, phone)
    given = trunks.Given(
        "carrier", f"127.0.0.1:{edge.tls_port}", transport="tls", register=True, ca_file=authority.file,
        username=customer.number, password=PASSWORD, from_domain="127.0.0.1",
    )  # fmt: skip
    await trunks.add(server.data, given)
    await registered(server)
    return customer, edge


async def converse(customer: Customer, phone: CallLeg, session: str) -> None:
    """A message, a key, the phone's own hold, and a message to hang up with."""
    heard_before_s = phone.recording.heard_s
    await customer.block("middle/gather", session, msg=SAID, max_digits="1")
    async with asyncio.timeout(PATIENCE_S):
        while phone.recording.heard_s < heard_before_s + 0.5:
            await asyncio.sleep(0.05)
    await phone.send_digits("7")
    assert (await customer.receiver.next(session=session, ivr_block="gather"))["digits"] == "7"
    assert (await phone.hold()).status == 200
    assert (await phone.unhold()).status == 200
    await customer.block("middle/record", session, max_duration="2")
    await phone.say(tone(1000, 2500))
    told = await customer.receiver.next(session=session, ivr_block="record")
    assert tone_s(*await fetch(told["record_url"]), hz=1000) > 1.0
    assert await customer.hangup(session, msg=SAID) == OK
    assert (await phone.ended()).how is How.BYE_RECEIVED
    assert phone.complaints == []
    assert speech_like(phone.recording.pcm(), RATE_HZ).voiced_s > 1.0


async def test_a_call_in_through_a_proxy_that_records_a_route_from_udp_to_tls(
    start: Callable[..., Onhook], receiver: Receiver, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        customer, edge = await at_the_edge(start, receiver, stack, tmp_path)
        call = await customer.phone.call(customer.number, server=("127.0.0.1", edge.port))
        told = await receiver.next(to=customer.number, call_state="ringing")
        assert told["trunk"] == "carrier"
        await converse(customer, call, told["session"])


async def test_a_call_out_through_a_proxy_that_records_a_route_from_tls_to_udp(
    start: Callable[..., Onhook], receiver: Receiver, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        customer, _ = await at_the_edge(start, receiver, stack, tmp_path)
        url = receiver.url("/dial")
        made = await customer.post("ivr/start/dial", dest=BEHIND, msg=SAID, notify_url=url)
        assert made["status"] == "success_ok", made
        callee = await customer.phone.incoming(called=BEHIND)
        callee.ring()
        await callee.answer()
        told = await receiver.next(dest=BEHIND, call_state="ongoing")
        await converse(customer, callee, told["session"])
