"""Audio by IPv6, and by both on one port."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from media import rtcp_text
from media.followed import Followed
from media.rtcp_text import SR
from media.rtp_peer import PATIENCE_S, Clip, Ear, RtpPeer, event, rtp, tone
from media.settling import settled
from onhook.media import BadRemote, Codec, Latching, MediaPlane, Stream
from onhook.media.agreed import NOWHERE_ELSE
from ports import free_ports

FAR = "2001:db8::7"
"""An address that nobody has (RFC 3849)."""
ANYWHERE = ("0.0.0.0", "::")
LOOPBACKS = ("127.0.0.1", "::1")


@pytest.fixture(params=["::1", "::", LOOPBACKS, ANYWHERE], ids=str)
async def plane(request: pytest.FixtureRequest) -> AsyncIterator[MediaPlane]:
    plane = Followed(host=request.param, ports=free_ports(16))
    plane.start(asyncio.get_running_loop())
    yield plane
    assert plane.health().refused == 0
    plane.close()


@pytest.fixture
async def both() -> AsyncIterator[MediaPlane]:
    plane = Followed(host=ANYWHERE, ports=free_ports(16))
    plane.start(asyncio.get_running_loop())
    yield plane
    assert plane.health().refused == 0
    plane.close()


@pytest.fixture
def peer() -> Iterator[RtpPeer]:
    with RtpPeer("::1") as peer:
        yield peer


@pytest.fixture
def old_peer() -> Iterator[RtpPeer]:
    with RtpPeer("127.0.0.1") as peer:
        yield peer


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def opened(
    plane: MediaPlane, remote: tuple[str, int], ear: Ear, latching: Latching = NOWHERE_ELSE
) -> Stream:
    return plane.open(
        plane.reserve(),
        remote=remote,
        codec=Codec.PCMU,
        dtmf_payload_type=101,
        latching=latching,
        listener=ear,
    )


async def test_both_sides_hear_each_other(plane: MediaPlane, peer: RtpPeer, ear: Ear) -> None:
    stream = opened(plane, peer.address, ear)
    stream.play([Clip(tone(2))], ear.on_played)
    heard = await peer.receive_many(2)
    assert b"".join(packet.payload for packet in heard) == tone(2)
    peer.send(event(5, sequence=1, timestamp=1), stream.port)
    assert await ear.until_digits(1) == "5"
    stream.close()
    stats = await ear.until_closed()
    assert (stats.received_packets, stats.foreign, stats.send_errors) == (1, 0, 0)


async def test_a_phone_behind_a_firewall_is_heard_from_where_its_signalling_comes(
    plane: MediaPlane, peer: RtpPeer, ear: Ear
) -> None:
    stream = opened(plane, (FAR, 4000), ear, Latching(("::1", "127.0.0.9", "fe80::1%lo")))
    peer.send(event(4, sequence=1, timestamp=1), stream.port)
    assert await ear.until_digits(1) == "4"
    stream.play([Clip(tone(1))], ear.on_played)
    assert (await peer.receive()).payload == tone(1)


async def test_a_stranger_is_not_taken_for_the_peer(
    plane: MediaPlane, peer: RtpPeer, ear: Ear
) -> None:
    stream = opened(plane, (FAR, 4000), ear, Latching(("2001:db8::8",)))
    peer.send(event(4, sequence=1, timestamp=1), stream.port)
    stream.play([Clip(tone(3))], ear.on_played)
    await ear.until_played()
    stream.close()
    stats = await ear.until_closed()
    assert (stats.received_packets, stats.foreign) == (0, 1)
    assert not peer.waiting()


async def test_reports_go_both_ways(plane: MediaPlane, peer: RtpPeer, ear: Ear) -> None:
    with RtpPeer("::1") as reporter:
        stream = plane.open(
            plane.reserve(),
            remote=peer.address,
            codec=Codec.PCMU,
            dtmf_payload_type=None,
            remote_rtcp=reporter.address,
            listener=ear,
        )
        peer.send(rtp(1, ssrc=7), stream.port)
        sent = await peer.receive_any()
        block = rtcp_text.Block(ssrc=sent.ssrc, highest=sent.sequence, jitter=3)
        reporter.send(rtcp_text.report(7, block), stream.port + 1)
        async with asyncio.timeout(PATIENCE_S):
            ours = rtcp_text.parse(await reporter.receive_datagram())
            while stream.report is None:
                await asyncio.sleep(0.01)
    assert ours.kinds[0] == SR
    stream.close()
    stats = await ear.until_closed()
    assert (stats.reports, stats.reported_jitter, stats.rtcp_refused) == (1, 3, 0)


@pytest.mark.parametrize("hosts", [LOOPBACKS, ANYWHERE], ids=str)
async def test_one_side_by_ipv4_and_one_by_ipv6(
    hosts: tuple[str, ...], peer: RtpPeer, old_peer: RtpPeer
) -> None:
    plane = Followed(host=hosts, ports=free_ports(6))
    plane.start(asyncio.get_running_loop())
    ears = Ear(), Ear()
    new, old = opened(plane, peer.address, ears[0]), opened(plane, old_peer.address, ears[1])
    new.bridge(old)
    await settled(plane)
    peer.send(rtp(1, timestamp=160), new.port)
    old_peer.send(rtp(1, timestamp=160), old.port)
    assert (await peer.receive()).payload == (await old_peer.receive()).payload
    old_peer.send(event(7, sequence=2, timestamp=320), old.port)
    assert await ears[1].until_digits(1) == "7"
    plane.close()


async def test_a_peer_by_ipv4_is_known_on_a_port_for_both(
    both: MediaPlane, old_peer: RtpPeer, ear: Ear
) -> None:
    stream = opened(both, old_peer.address, ear)
    for number in range(3):
        old_peer.send(event(number, sequence=number, timestamp=number * 4000), stream.port)
    assert await ear.until_digits(3) == "012"
    stream.play([Clip(tone(1))], ear.on_played)
    assert (await old_peer.receive()).payload == tone(1)
    with RtpPeer("127.0.0.66") as stranger:
        stranger.send(rtp(), stream.port)
        await ear.until_played()
        assert not stranger.waiting()


async def test_a_peer_does_not_move_to_where_its_sockets_cannot_send(
    both: MediaPlane, peer: RtpPeer, old_peer: RtpPeer, ear: Ear
) -> None:
    stream = opened(both, old_peer.address, ear)
    with pytest.raises(BadRemote):
        stream.set_remote(peer.address)
    with pytest.raises(BadRemote):
        stream.set_rtcp(peer.address)
    stream.play([Clip(tone(1))], ear.on_played)
    assert (await old_peer.receive()).payload == tone(1)


@pytest.mark.parametrize(
    "ip", ["::", "ff02::1", "fe80::1", "::ffff:224.0.0.1", "::ffff:0.0.0.0", "::1%lo", ":::", "1:"]
)
async def test_what_is_no_address_of_one_host(both: MediaPlane, ear: Ear, ip: str) -> None:
    with pytest.raises(BadRemote):
        opened(both, (ip, 4000), ear)


@pytest.mark.parametrize(
    ("host", "remote"), [("127.0.0.1", "::1"), ("::1", "127.0.0.1"), ("::", "127.0.0.1")]
)
async def test_a_family_that_is_not_served(host: str, remote: str, ear: Ear) -> None:
    plane = Followed(host=host, ports=free_ports(2))
    plane.start(asyncio.get_running_loop())
    port = plane.reserve()
    assert not plane.reaches(remote)
    with pytest.raises(BadRemote):
        plane.open(port, remote=(remote, 9), codec=Codec.PCMU, dtmf_payload_type=None, listener=ear)
    port.release()
    plane.close()


async def test_the_sockets_that_a_call_does_not_need_are_closed(peer: RtpPeer, ear: Ear) -> None:
    plane = Followed(host=LOOPBACKS, ports=free_ports(2))
    plane.start(asyncio.get_running_loop())
    await settled(plane)  # a media thread opens what it sends with when it begins
    clip = Clip(tone(1))
    gc.collect()  # what earlier tests left does not go meanwhile
    before = open_descriptors()
    stream = opened(plane, peer.address, ear)
    stream.play([clip], ear.on_played)
    await ear.until_played()  # so the plane has taken what was sent to it
    assert open_descriptors() == before + 2
    plane.close()
