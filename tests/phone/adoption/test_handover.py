"""Connections pass from one process to the next, with what is half said on them, and with their calls."""

import json
import threading

import pytest

from onhook.phone.relay import relay
from onhook.phone.tls.contexts import ServerCertificate
from phone.adoption.succession import Succession, kept_of, succession
from phone.authority import Authority
from phone.peer import Caller, TcpPeer

TLS = "udp:127.0.0.1:0,tls:127.0.0.1:0"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


async def handed_over(on: Succession) -> threading.Thread:
    """The next endpoint stands, and has the connections of the one before; who relays those with TLS."""
    on.endpoint.handover.pause()
    assert on.endpoint.handover.settled
    passed = on.endpoint.handover.leave()
    relaying = threading.Thread(target=relay, args=(passed.relayed,))
    relaying.start()
    await on.die()
    await on.stand()
    for descriptor, about in passed.on:
        on.endpoint.handover.take(descriptor, json.loads(json.dumps(about)))
    return relaying


@pytest.mark.parametrize("tls", [False, True])
async def test_a_call_and_half_a_message_go_on_over_their_connection(
    authority: Authority, *, tls: bool
) -> None:
    issued = authority.issue("onhook.test")
    certificate = ServerCertificate(issued.certificate, issued.key) if tls else None
    async with succession(listeners=TLS if tls else "", certificate=certificate) as on:
        phone = TcpPeer(("127.0.0.1", on.port("tls" if tls else "tcp")))
        on.peers.append(phone)
        await phone.connect(authority.context() if tls else None)
        await phone.connected()
        host, port = phone.address
        caller = Caller(phone, contact=f"<sip:phone@{host}:{port};ob>")
        await caller.answered()
        caller.ack()
        await phone.quiet()
        half = phone.text("OPTIONS", branch="z9hG4bK-half").encode()
        phone.send(half[:70])
        phone.send(b"")
        kept = kept_of(on.owner.call)
        relaying = await handed_over(on)
        after = on.take_in(kept)
        await on.endpoint.serve()
        phone.send(half[70:])
        assert "z9hG4bK-half" in (await phone.status(200))["Via"]
        after.call.hangup()
        phone.answer(await phone.request("BYE"))
        await after.until("hangup_done")
        assert len(phone.connections) == 1
        await phone.close()
    relaying.join(60)
    assert not relaying.is_alive()
