"""A trunk over TLS with an authority of its own: connections that we make for the calls that came from it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from acceptance.asking import OK
from acceptance.harness import Customer, Onhook, TrunkLine, lay_trunk
from acceptance.reload_command import connections_made
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver
from onhook.testing.streams import PhoneTls
from phone.authority import Authority

EXCHANGE = "127.0.0.6"


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Nobody knows it but the trunk."""
    return Authority(Path(tempfile.mkdtemp(prefix="onhook-private-")))


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[Onhook]:
    issued = authority.issue("onhook.test")
    settings = {
        "sip": "127.0.0.1:0,tls:127.0.0.1:0",
        "sip_cert": issued.certificate,
        "sip_key": issued.key,
        "trusted_peers": "127.0.0.1/32",
    }
    running = Onhook(settings)
    yield running
    running.close()


@pytest.fixture(scope="module")
def line(server: Onhook, authority: Authority) -> TrunkLine:
    return lay_trunk(server, host=EXCHANGE, transport="tls", ca_file=authority.file)


async def test_a_switch_that_has_no_connection_any_more_makes_one(
    server: Onhook, line: TrunkLine, receiver: Receiver, authority: Authority
) -> None:
    """The 200 that was not acknowledged comes over it, and so does the BYE."""
    issued = authority.issue(EXCHANGE)
    tls = PhoneTls(issued.certificate, issued.key, authority.file)
    async with Phone(host=EXCHANGE, port=line.port, transport="tls", tls=tls) as phone:
        customer = await Customer.make(server, receiver, phone)
        call = await phone.call(customer.number, server=server.sip_over("tls"), ack=False)
        told = await receiver.next(to=customer.number, call_state="ringing")
        await customer.block("middle/gather", told["session"], max_digits="1", timeout="60")
        await call.answered()
        await server.kill_role("switch")
        before = len(await call.received(200))
        await call.received(200, before + 1, timeout_s=60)
        call.acknowledge()
        await call.send_digits("1")
        await receiver.next(session=told["session"], ivr_block="gather", timeout_s=60)
        assert await customer.hangup(told["session"]) == OK
        assert (await call.ended(timeout_s=60)).how is How.BYE_RECEIVED
        assert connections_made(phone) > 1
    assert "sip_tls_refused" not in server.log
