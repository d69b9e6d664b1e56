"""TLS with trunks and with whoever connects to us, on real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from onhook.phone import SipCause
from onhook.phone.addresses import TlsAddress
from onhook.phone.inbound.sources import InboundSources, TrunkSource
from onhook.phone.registration.registrar import Answer, TrunkRegistration
from onhook.phone.tcp import MAX_ACCEPTED, MAX_HANDSHAKES
from onhook.phone.tls.contexts import ServerCertificate, TlsFilesUnusable
from onhook.phone.trunk import Trunk
from phone.authority import Authority
from phone.peer import (
    PATIENCE_S,
    SDP,
    Callee,
    Caller,
    Dialler,
    Line,
    TcpPeer,
    leave_ringing,
    line,
    place,
)

TLS = "udp:127.0.0.1:0,tls:127.0.0.1:0"


@pytest.fixture(autouse=True)
def all_logs() -> None:
    """A test of a command before this one may have left only its errors to be heard."""
    structlog.reset_defaults()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def put(data: bytes, path: str) -> None:
    Path(path).write_bytes(data)


def contents(path: str) -> bytes:
    return Path(path).read_bytes()


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@asynccontextmanager
async def trunk_line(
    authority: Authority, *names: str, **more: Any
) -> AsyncIterator[tuple[Line, TcpPeer]]:
    """An endpoint, and a trunk over TLS whose certificate has these names."""
    async with line() as on:
        trunk = TcpPeer(on.peer.server)
        await trunk.listen(tls=authority.issue(*(names or ("127.0.0.1",)), **more).context())
        try:
            yield on, trunk
        finally:
            await trunk.close()


def dial(on: Line, trunk: TcpPeer, authority: Authority, **more: str) -> Dialler:
    given: dict[str, Any] = {"ca_file": authority.file, **more}
    return on.dial(host=trunk.address[0], port=trunk.address[1], transport="tls", **given)


async def refused(on: Line, trunk: TcpPeer, authority: Authority, **more: str) -> str:
    """What the call and the log say of a trunk with which there is no TLS."""
    with structlog.testing.capture_logs() as logs:
        dialler = dial(on, trunk, authority, **more)
        cause = await dialler.until("failed")
    assert isinstance(cause, SipCause)
    why = [entry["why"] for entry in logs if entry["event"] == "sip_tls_refused"]
    assert (cause.status, cause.text) == (503, f"no TLS: {why[0]}")
    assert len(why) == 1
    assert on.endpoint.live_calls == 0
    return str(why[0])


def ours(peer: TcpPeer) -> str:
    """Our end of the connection, as the peer sees it: where a server that reuses connections finds it."""
    host, port = peer.connections[-1].transport.get_extra_info("peername")[:2]
    return f"{host}:{port}"


# Trunks.


@pytest.mark.parametrize("transport", ["tls", "tcp"])
async def test_where_nobody_listens_a_peer_asks_over_our_connection(
    authority: Authority, transport: str
) -> None:
    """Our Contact is our end of it; no port at which a connection would be refused."""
    async with line(listeners="udp:127.0.0.1:0") as on:
        trunk = TcpPeer(on.peer.server)
        await trunk.listen(
            tls=authority.issue("127.0.0.1").context() if transport == "tls" else None
        )
        dialler = on.dial(
            host=trunk.address[0], port=trunk.address[1], transport=transport,
            ca_file=authority.file if transport == "tls" else "",
        )  # fmt: skip
        callee = Callee(trunk, await trunk.request("INVITE"))
        assert callee.invite["Contact"] == f"<sip:{ours(trunk)};transport={transport}>"
        callee.contact = callee.contact.replace(">", f";transport={transport}>")
        await callee.answer(headers=("Session-Expires: 90;refresher=uac", "Allow: UPDATE"))
        await dialler.until("answered")
        refreshes = ("Supported: timer", "Session-Expires: 90;refresher=uas")
        callee.within("INVITE", body=SDP.replace("sendrecv", "sendonly"), headers=refreshes)
        held = await trunk.status(200)
        assert held["Contact"] == callee.invite["Contact"]
        callee.within("ACK", cseq=callee.cseq)
        assert await dialler.until("media_moved")
        before = trunk.connections[0]
        before.transport.abort()
        await trunk.gone()
        await on.disconnected()
        on.clock.advance(45)
        update = await trunk.request("UPDATE")  # over a new one, which it tells
        assert update["Contact"] == f"<sip:{ours(trunk)};transport={transport}>"
        trunk.answer(update, headers=("Session-Expires: 90;refresher=uac",))
        callee.within("BYE")
        await trunk.status(200)
        await dialler.until("hung_up")
        assert len(trunk.connections) == 1
        await trunk.close()


async def test_a_registrar_calls_over_the_connection_that_registered(authority: Authority) -> None:
    async with line(listeners="udp:127.0.0.1:0") as on:
        carrier = TcpPeer(on.peer.server)
        await carrier.listen(tls=authority.issue("127.0.0.1").context())
        trunk = Trunk(
            *carrier.address, "tls", username="shop", register=True, ca_file=authority.file
        )
        registration = TrunkRegistration(
            trunk, "o1", on.endpoint, Registered(),
            clock=on.clock, now=lambda: on.clock.now_s, chance=lambda: 1.0,
        )  # fmt: skip
        registration.start()
        register = await carrier.request("REGISTER")
        contact = register["Contact"].partition(">")[0] + ">"
        assert contact == f"<sip:o1@{ours(carrier)};transport=tls>"
        carrier.answer(register, headers=(f"Contact: {contact};expires=600",))
        caller = Caller(carrier, contact=f"<sip:{place(carrier.address)};transport=tls>")
        final = await caller.answered(uri=contact[1:-1])
        assert final["Contact"] == f"<sip:{ours(carrier)};transport=tls>"
        caller.ack()
        await on.owner.until("acknowledged")
        caller.within("BYE")
        await carrier.status(200)
        registration.abandon()
        await carrier.close()


class Registered:
    def registered(self, answer: Answer) -> None:
        """As it should be."""

    def not_registered(self, answer: Answer) -> None:
        raise AssertionError(answer)

    def gone(self) -> None:
        """It is over."""


async def test_a_call_over_tls(authority: Authority) -> None:
    async with trunk_line(authority) as (on, trunk):
        dialler = dial(on, trunk, authority)
        callee = Callee(trunk, await trunk.request("INVITE"))
        assert callee.invite.start.endswith(";transport=tls SIP/2.0")
        assert callee.invite["Via"].startswith("SIP/2.0/TLS 127.0.0.1:5061;branch=")
        assert callee.invite["Contact"] == f"<sip:{ours(trunk)};transport=tls>"
        assert isinstance(dialler.call.destination, TlsAddress)
        callee.contact = callee.contact.replace(">", ";transport=tls>")
        await callee.answer()
        await dialler.until("answered")
        dialler.call.hangup()
        bye = await trunk.request("BYE")
        assert bye["Via"].startswith("SIP/2.0/TLS")
        trunk.answer(bye)
        await dialler.until("hangup_done")
        assert len(trunk.connections) == 1


async def test_a_call_over_tls_is_ended_by_another_process(authority: Authority) -> None:
    async with trunk_line(authority) as (on, trunk):
        dialler = dial(on, trunk, authority)
        await Callee(trunk, await trunk.request("INVITE")).answer()
        await dialler.until("answered")
        record = dialler.call.record()
        read = type(record).from_dict(record.as_dict())
        async with line() as after:
            done: list[SipCause] = []
            after.endpoint.hangup_orphan(read, done.append)
            trunk.answer(await trunk.request("BYE"))
            await trunk.quiet()
            assert done == [SipCause(200)]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("sip.other.example", "192.0.2.9"), "sip.other.example, 192.0.2.9"),
        (("sip:127.0.0.1.example",), "127.0.0.1.example"),
    ],
)
async def test_a_certificate_of_somebody_else(
    authority: Authority, names: tuple[str, ...], said: str
) -> None:
    async with trunk_line(authority, *names) as (on, trunk):
        why = await refused(on, trunk, authority)
        assert why == f"its certificate is for {said}, and not for 127.0.0.1"
        await trunk.gone()


async def test_a_certificate_that_has_expired(authority: Authority) -> None:
    async with trunk_line(authority, days=-1) as (on, trunk):
        why = await refused(on, trunk, authority)
        assert why == "its certificate was not accepted: certificate has expired"


async def test_an_authority_that_nobody_trusts(authority: Authority, tmp_path: Path) -> None:
    async with trunk_line(authority) as (on, trunk):
        why = await refused(on, trunk, Authority(tmp_path))
        assert "certificate" in why and "was not accepted" in why
        why = await refused(on, trunk, authority, ca_file="")  # the system's
        assert "certificate" in why and "was not accepted" in why


async def test_a_trunk_that_does_not_speak_tls(authority: Authority) -> None:
    async with line() as on:
        trunk = TcpPeer(on.peer.server)
        await trunk.listen()
        dialler = dial(on, trunk, authority)
        (await trunk.connected()).transport.write(b"SIP/2.0 400 Bad Request\r\n\r\n")
        cause = await dialler.until("failed")
        assert cause == SipCause(503, None, "no TLS: it does not speak TLS")
        await trunk.close()


async def test_a_trunk_that_hangs_up_in_the_middle_of_the_handshake(authority: Authority) -> None:
    async with line() as on:
        trunk = TcpPeer(on.peer.server)
        await trunk.listen()
        dialler = dial(on, trunk, authority)
        (await trunk.connected()).transport.abort()
        cause = await dialler.until("failed")
        text = "no TLS: it closed the connection before both sides agreed"
        assert cause == SipCause(503, None, text)
        await trunk.close()


async def test_a_trunk_that_never_agrees(authority: Authority) -> None:
    async with line() as on:
        trunk = TcpPeer(on.peer.server)
        await trunk.listen()
        dialler = dial(on, trunk, authority)
        await trunk.connected()
        on.clock.advance(4)
        assert await dialler.until("failed") == SipCause(503, None, "no connection within 4 s")
        await trunk.close()


async def test_a_file_of_roots_that_is_not_there(authority: Authority) -> None:
    async with trunk_line(authority) as (on, trunk):
        dialler = dial(on, trunk, authority, ca_file="/nowhere/ca.pem")
        cause = await dialler.until("failed")
        assert isinstance(cause, SipCause)
        assert cause.text == (
            "no connection: the roots in /nowhere/ca.pem cannot be used: No such file or directory"
        )


async def test_a_trunk_that_wants_a_certificate_of_ours(authority: Authority) -> None:
    async with line() as on:
        trunk = TcpPeer(on.peer.server)
        await trunk.listen(tls=authority.issue("127.0.0.1").context(authority.file))
        assert "wants a certificate of ours" in await refused(on, trunk, authority)
        ours = authority.issue("onhook.example")
        dial(on, trunk, authority, client_cert=ours.certificate, client_key=ours.key)
        await trunk.request("INVITE")
        await trunk.close()


# Whoever connects to us.


@asynccontextmanager
async def tls_line(authority: Authority, **more: Any) -> AsyncIterator[tuple[Line, TcpPeer]]:
    issued = authority.issue("onhook.test")
    certificate = ServerCertificate(issued.certificate, issued.key)
    async with line(listeners=TLS, certificate=certificate, **more) as on:
        phone = TcpPeer(("127.0.0.1", on.port("tls")))
        try:
            yield on, phone
        finally:
            await phone.close()


async def test_a_phone_calls_over_tls(authority: Authority) -> None:
    async with tls_line(authority) as (on, phone):
        await phone.connect(authority.context())
        phone.send(phone.text("INVITE", body=SDP, headers=("Contact: <sip:me@10.0.0.1>",)))
        await phone.status(100)
        final = await phone.status(200)
        assert final["Contact"] == f"<sip:127.0.0.1:{on.port('tls')};transport=tls>"
        phone.send(phone.text("ACK", to_tag=final.to_tag))
        await on.owner.until("acknowledged")
        on.owner.call.hangup()
        bye = await phone.request("BYE")
        assert bye["Via"].startswith(f"SIP/2.0/TLS 127.0.0.1:{on.port('tls')};")
        phone.answer(bye)
        await on.owner.until("hangup_done")


async def test_a_call_of_a_trunk_whose_connection_dies_before_the_bye(authority: Authority) -> None:
    """A new one is made, to a server whose certificate says the trunk's name, by the trunk's authority."""
    async with tls_line(authority) as (on, carrier):
        trunk = Trunk(
            "carrier.example",
            name="carrier",
            transport="tls",
            ca_file=authority.file,
            inbound=("127.0.0.1",),
        )
        on.endpoint.take_calls_of(InboundSources((TrunkSource(trunk),)))
        await carrier.listen(tls=authority.issue("carrier.example").context())
        host, port = carrier.address
        await carrier.connect(authority.context())
        contact = f"Contact: <sip:{host}:{port};transport=tls>"
        carrier.send(carrier.text("INVITE", body=SDP, headers=(contact,)))
        await carrier.status(100)
        final = await carrier.status(200)
        carrier.send(carrier.text("ACK", to_tag=final.to_tag))
        await on.owner.until("acknowledged")
        carrier.connections[0].transport.abort()
        await carrier.gone()
        on.owner.call.hangup()
        carrier.answer(await carrier.request("BYE"))
        await on.owner.until("hangup_done")


async def test_a_call_of_a_trunk_whose_connection_dies_before_the_answer(
    authority: Authority,
) -> None:
    """So is the one for the answer, to the port that its Via names."""
    async with tls_line(authority, then=leave_ringing) as (on, carrier):
        trunk = Trunk(
            "carrier.example",
            name="carrier",
            transport="tls",
            ca_file=authority.file,
            inbound=("127.0.0.1",),
        )
        on.endpoint.take_calls_of(InboundSources((TrunkSource(trunk),)))
        await carrier.listen(tls=authority.issue("carrier.example").context())
        host, port = carrier.address
        await carrier.connect(authority.context())
        contact = f"Contact: <sip:{host}:{port};transport=tls>"
        via = f"Via: SIP/2.0/TLS {host}:{port};branch=z9hG4bK-before"
        carrier.send(carrier.text("INVITE", body=SDP, headers=(contact,), via=via))
        await carrier.status(100)
        carrier.connections[0].transport.abort()
        await carrier.gone()
        await on.disconnected()
        on.owner.call.answer(ip="127.0.0.1", port=20000)
        await carrier.status(200)


async def test_a_large_message_and_many_small_ones_come_through(authority: Authority) -> None:
    async with tls_line(authority) as (_, phone):
        await phone.connect(authority.context())
        large = phone.text("OPTIONS", headers=(f"X-Large: {'x' * 15_000}",))
        phone.send(large + "".join(phone.text("OPTIONS") for _ in range(50)))
        for _ in range(51):
            await phone.status(200)


async def test_a_stranger_is_refused_over_tls_as_elsewhere(authority: Authority) -> None:
    async with tls_line(authority, trusted_peers=()) as (_, phone):
        await phone.connect(authority.context())
        phone.send(phone.text("INVITE", body=SDP, headers=("Contact: <sip:me@10.0.0.1>",)))
        await phone.status(403)


async def test_a_new_certificate_is_for_new_connections(
    authority: Authority, tmp_path: Path
) -> None:
    old, new = authority.issue("onhook.test"), Authority(tmp_path).issue("onhook.test")
    certificate = ServerCertificate(old.certificate, old.key)
    async with line(leave_ringing, listeners=TLS, certificate=certificate) as on:
        phone = TcpPeer(("127.0.0.1", on.port("tls")))
        await phone.connect(authority.context())
        put(b"nonsense", old.certificate)
        with pytest.raises(TlsFilesUnusable, match=r"cannot be used"):
            certificate.reload()
        later = TcpPeer(("127.0.0.1", on.port("tls")))
        await later.connect(authority.context())  # what was read before is in use
        await later.close()
        for source, target in ((new.certificate, old.certificate), (new.key, old.key)):
            put(contents(source), target)
        certificate.reload()
        with pytest.raises(OSError, match=r"certificate verify failed"):
            await later.connect(authority.context())
        phone.send(phone.text("OPTIONS"))
        await phone.status(200)  # and the connection that there was goes on
        await phone.close()


async def test_whoever_does_not_agree_on_tls_is_dropped(authority: Authority) -> None:
    async with tls_line(authority) as (on, phone):
        await phone.connect()  # and says nothing
        for start in (b"\x16\x03\x01\x02", b"\x16"):  # a slow one
            phone.connections[0].transport.write(start)
        await on.peer.quiet()
        on.clock.advance(8)
        await phone.gone()
        await phone.connect()
        phone.send(phone.text("OPTIONS"))  # in the clear
        await phone.gone()


async def test_whoever_sends_garbage_again_and_again_fills_no_log(authority: Authority) -> None:
    async with tls_line(authority) as (on, _):
        with structlog.testing.capture_logs() as logs:
            for _ in range(20):
                await sent_and_closed(on.port("tls"), b"GET / HTTP/1.1\r\n\r\n")
        assert [entry["event"] for entry in logs].count("sip_tls_not_agreed") == 1
    async with line(listeners="tcp:127.0.0.1:0") as on:
        with structlog.testing.capture_logs() as logs:
            for _ in range(20):
                await sent_and_closed(on.port("tcp"), b"GET / HTTP/1.1\r\nl: x\r\n\r\n")
        assert [entry["event"] for entry in logs].count("sip_stream_unreadable") == 1


async def sent_and_closed(port: int, data: bytes) -> None:
    """Somebody sends this, and is hung up on."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    await reader.read()
    writer.close()


async def test_handshakes_under_way_are_bounded(authority: Authority) -> None:
    """A flood of connects costs no more than the bound, and a call in the middle of it goes on."""
    async with tls_line(authority, trusted_peers=()) as (on, phone):
        where = ("127.0.0.1", on.port("tls"))
        closed = 0
        for _ in range(100):
            flood = []
            for _ in range(100):
                sock = socket.socket()
                sock.setblocking(False)
                sock.connect_ex(where)
                flood.append(sock)
            await on.peer.until_quiet()
            assert open_files() < 100 + MAX_HANDSHAKES + MAX_ACCEPTED
            for sock in flood:
                sock.close()
                closed += 1
        assert closed == 10_000
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    await phone.connect(authority.context())
                    break
                except OSError:  # the flood is being cleared away
                    await asyncio.sleep(0.01)
        phone.send(phone.text("OPTIONS"))
        await phone.status(403)


@pytest.mark.parametrize("kind", ["missing", "mismatched", "encrypted", "no pem"])
def test_a_certificate_that_cannot_be_used_is_named(
    authority: Authority, tmp_path: Path, kind: str
) -> None:
    issued, other = authority.issue("onhook.test"), authority.issue("onhook.test")
    key = tmp_path / "key.pem"
    if kind == "mismatched":
        key.write_bytes(Path(other.key).read_bytes())
    elif kind == "encrypted":
        key.write_text(ENCRYPTED)
    elif kind == "no pem":
        key.write_text("no PEM")
    with pytest.raises(TlsFilesUnusable, match=str(key)) as refusal:
        ServerCertificate(issued.certificate, key)
    assert len(str(refusal.value).splitlines()) == 1


def test_a_key_that_others_may_read_is_warned_about(authority: Authority) -> None:
    issued = authority.issue("onhook.test")
    Path(issued.key).chmod(0o640)
    with structlog.testing.capture_logs() as logs:
        ServerCertificate(issued.certificate, issued.key)
    assert [entry["event"] for entry in logs] == ["sip_key_readable_by_others"]


ENCRYPTED = """-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgAAAAAAAAAAAICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEAAAAAAAAAAAAAAAAAAAAAAEgZAA
-----END ENCRYPTED PRIVATE KEY-----
"""
