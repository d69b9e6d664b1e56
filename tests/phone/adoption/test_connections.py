"""Calls over TCP and TLS go on: their connections are gone with the process that had them."""

import pytest

from onhook.phone import Trunk
from onhook.phone.tls.contexts import ServerCertificate
from phone.adoption.succession import Kept, kept_of, succession
from phone.authority import Authority
from phone.peer import Callee, Caller, TcpPeer

TLS = "udp:127.0.0.1:0,tls:127.0.0.1:0"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def certificate_of(authority: Authority) -> ServerCertificate:
    ours = authority.issue("onhook.test")
    return ServerCertificate(ours.certificate, ours.key)


async def test_a_trunk_over_tcp_is_connected_to_again() -> None:
    async with succession() as on:
        trunk = await on.tcp_peer()
        named = Trunk(*trunk.address, transport="tcp")
        dialler = on.dial(host=named.host, port=named.port, transport="tcp")
        callee = Callee(trunk, await trunk.request("INVITE"))
        callee.contact = f"<sip:callee@127.0.0.1:{trunk.address[1]};transport=tcp>"
        await callee.answer()
        await dialler.until("answered")
        after = await on.followed_out(kept_of(dialler.call), named)
        await trunk.gone()
        after.call.hangup()
        bye = await trunk.request("BYE")
        trunk.answer(bye)
        await after.until("hangup_done")
        await trunk.close()


async def test_a_trunk_over_tls_is_connected_to_again(authority: Authority) -> None:
    async with succession() as on:
        trunk = TcpPeer(on.peer.server)
        on.peers.append(trunk)
        await trunk.listen(tls=authority.issue("127.0.0.1").context())
        named = Trunk(*trunk.address, transport="tls", ca_file=authority.file)
        dialler = on.dial(host=named.host, port=named.port, transport="tls", ca_file=authority.file)
        callee = Callee(trunk, await trunk.request("INVITE"))
        callee.contact = f"<sip:callee@127.0.0.1:{trunk.address[1]};transport=tls>"
        await callee.answer()
        await dialler.until("answered")
        after = await on.followed_out(kept_of(dialler.call), named)
        await trunk.gone()
        after.call.hangup()
        trunk.answer(await trunk.request("BYE"))
        await after.until("hangup_done")
        await trunk.close()


@pytest.mark.parametrize("tls", [False, True])
async def test_a_phone_that_connected_to_us_connects_again(
    authority: Authority, *, tls: bool
) -> None:
    certificate = certificate_of(authority) if tls else None
    async with succession(listeners=TLS if tls else "", certificate=certificate) as on:
        port = on.port("tls" if tls else "tcp")
        phone = TcpPeer(("127.0.0.1", port))
        on.peers.append(phone)
        context = authority.context() if tls else None
        await phone.connect(context)
        await phone.connected()
        caller = Caller(phone, contact=f"<sip:phone@{phone.address[0]}:{phone.address[1]};ob>")
        final = await caller.answered()
        caller.ack()
        await phone.quiet()
        assert final.to_tag
        after = await on.followed_in(kept_of(on.owner.call))
        await phone.gone()
        await phone.connect(context)
        await phone.connected()
        caller.within("BYE")
        await phone.status(200)
        await after.until("hung_up")
        await phone.close()


async def test_a_connection_that_is_made_while_nobody_reads_waits() -> None:
    async with succession() as on:
        caller = Caller(on.peer)
        await caller.established()
        kept = kept_of(on.owner.call)
        await on.die()
        phone = TcpPeer(on.peer.server)
        on.peers.append(phone)
        await phone.connect()
        await phone.connected()
        phone.send(phone.text("OPTIONS"))
        await on.stand()
        on.take_in(kept)
        await on.endpoint.serve()
        await phone.status(200)
        await phone.close()


async def test_what_comes_over_a_connection_of_ours_waits_until_all_is_taken_over() -> None:
    async with succession() as on:
        trunk = await on.tcp_peer()
        named = Trunk(*trunk.address, transport="tcp")
        called: list[tuple[Kept, Callee]] = []
        for _ in range(2):
            dialler = on.dial(host=named.host, port=named.port, transport="tcp")
            callee = Callee(trunk, await trunk.request("INVITE"))
            callee.contact = f"<sip:callee@127.0.0.1:{trunk.address[1]};transport=tcp>"
            await callee.answer()
            await dialler.until("answered")
            called.append((kept_of(dialler.call), callee))
        await on.die()
        await trunk.gone()
        await on.stand()
        (first, _), (second, hangs_up) = called
        on.take_out(first, named).call.hangup()
        bye = await trunk.request("BYE")  # over a connection that is there before anything is read
        hangs_up.within("BYE")
        await on.keeps_unread()
        after = on.take_out(second, named)
        await on.endpoint.serve()
        await after.until("hung_up")
        await trunk.status(200)
        trunk.answer(bye)
        await trunk.close()
