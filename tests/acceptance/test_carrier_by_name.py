"""A trunk that is a name: its servers stand in SRV records, and the first of them is dead."""

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import suppress

from acceptance.harness import Customer, Onhook, know_trunk
from name_server import name_server
from onhook.calls.outbound import SERVER_PATIENCE_S
from onhook.cli import trunks
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver

SRV = ("SRV", "_sip._udp.carrier.test")


async def test_a_call_goes_on_to_the_next_server_and_later_ones_there_at_once(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dead:
        dead.bind(("127.0.0.1", 0))  # it hears everything, and says nothing
        dead.setblocking(False)
        records = f"""
            _sip._udp.carrier.test 300 SRV 10 0 {dead.getsockname()[1]} one.carrier.test.
            _sip._udp.carrier.test 300 SRV 20 0 {phone.address[1]} two.carrier.test.
            one.carrier.test       300 A 127.0.0.1
            two.carrier.test       300 A 127.0.0.1
        """
        async with name_server(records) as names:
            server = start(dns_servers=f"127.0.0.1:{names.address[1]}")
            customer = await Customer.make(server, receiver, phone)
            await trunks.add(server.data, trunks.Given("carrier", "carrier.test", prefix="+6591"))
            await asyncio.to_thread(know_trunk, server, "carrier")
            first, second = "+6591000001", "+6591000002"
            for number in (first, second):
                began_s = time.monotonic()
                reply = await customer.post(
                    "ivr/start/dial", dest=number, notify_url=receiver.url("/dial")
                )
                assert reply["status"] == "success_ok", reply
                call = await phone.incoming(called=number)
                if number == first:
                    assert time.monotonic() - began_s > SERVER_PATIENCE_S
                    looked_up = names.asked.count(SRV)
                await call.answer()
                told = await receiver.next(ivr_block="dial", session=reply["session"])
                assert told["dial_status"] == "answered"
                await customer.hangup(reply["session"])
                assert (await call.ended()).how is How.BYE_RECEIVED
            tried = heard_by(dead)
            assert first in tried
            assert second not in tried
            assert names.asked.count(SRV) == looked_up > 0


def heard_by(dead: socket.socket) -> str:
    """All that has come to a socket."""
    heard = b""
    with suppress(BlockingIOError):
        while True:
            heard += dead.recv(65536)
    return heard.decode()
