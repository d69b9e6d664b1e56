"""Calls by IPv6, and calls with one side by IPv4 and one by IPv6."""

import asyncio
from collections.abc import Callable

import pytest

from acceptance.harness import Customer, Onhook, know_trunk
from acceptance.talking import assert_joined
from onhook.cli import trunks
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver
from ports import free_port


@pytest.fixture
def server(start: Callable[..., Onhook]) -> Onhook:
    port = free_port()
    return start(sip=f"127.0.0.1:{port},[::1]:{port}", trusted_peers="127.0.0.0/8,::1")


@pytest.mark.parametrize(
    ("caller", "callee"),
    [
        ("127.0.0.1", "::1"),
        pytest.param("::1", "::1", marks=pytest.mark.slow),
        pytest.param("::1", "127.0.0.1", marks=pytest.mark.slow),
    ],
)
async def test_a_transfer(server: Onhook, receiver: Receiver, caller: str, callee: str) -> None:
    port = free_port()
    host = f"[{callee}]" if ":" in callee else callee
    await trunks.add(server.data, trunks.Given("far", proxy=f"{host}:{port}"))
    await asyncio.to_thread(know_trunk, server, "far")
    async with Phone(host=caller) as phone, Phone(host=callee, port=port) as far:
        customer = await Customer.make(server, receiver, phone)
        call = await phone.call(customer.number, server=(caller, server.sip[1]))
        told = await receiver.next(to=customer.number, call_state="ringing")
        await customer.block("end/transfer", told["session"], dest="+6591112222", media="enabled")
        await call.answered()
        peer = await far.incoming()
        await peer.answer()
        await assert_joined(call, peer)
        await call.send_digits("7")
        await call.hang_up()
        await peer.ended()
        ended = await receiver.next(ivr_block="transfer")
    assert ended["transfer_status"] == "answered"
    assert int(ended["media_received_packets"]) > 0
    assert peer.recording.digits() == "7"
    for leg, family in ((call, caller), (peer, callee)):
        assert {packet.source[0] for packet in leg.recording.packets} == {family}
        assert not leg.complaints
