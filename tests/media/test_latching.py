"""Who is taken for the peer: where its first packet may come from, and where it may go afterwards."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from media.followed import Followed
from media.rtp_peer import PATIENCE_S, Clip, Ear, RtpPeer, event, rtp, tone
from onhook.media import BadRemote, Codec, Latching, MediaPlane, Signs, Stream, StreamClosed
from onhook.media.agreed import NOWHERE_ELSE
from ports import free_ports

PHONE = "127.0.0.1"
PROXY = "127.0.0.2"
STRANGER = "127.0.0.66"
FRAME_S = 0.02
SILENCE_S = 2.0
"""Within so long of silence from its old address the peer is followed to another one."""


@pytest.fixture
def stranger() -> Iterator[RtpPeer]:
    with RtpPeer(STRANGER) as one:
        yield one


def opened(plane: MediaPlane, peer: RtpPeer, ear: Ear, latching: Latching = NOWHERE_ELSE) -> Stream:
    return plane.open(
        plane.reserve(),
        remote=peer.address,
        codec=Codec.PCMU,
        dtmf_payload_type=101,
        latching=latching,
        listener=ear,
    )


async def hears(stream: Stream, ear: Ear, listener: RtpPeer) -> bool:
    """Whether what is played next goes to this one."""
    listener.waiting()
    said = len(ear.played)
    stream.play([Clip(tone(2, seed=said))], ear.on_played)
    await ear.until_played(said + 1)
    heard = [packet.payload for packet in listener.waiting()]
    return heard[-2:] == [tone(2, seed=said)[:160], tone(2, seed=said)[160:]]


@pytest.mark.parametrize("latching", [Latching(), Latching((PROXY, "::1"))])
async def test_a_stranger_who_is_first_gets_nothing_and_its_keys_do_not_count(
    plane: MediaPlane, peer: RtpPeer, stranger: RtpPeer, ear: Ear, latching: Latching
) -> None:
    stream = opened(plane, peer, ear, latching)
    for number in range(3):
        stranger.send(event(6, sequence=number, timestamp=number * 4000), stream.port)
    stranger.send(rtp(3), stream.port)
    assert await hears(stream, ear, peer)
    assert not stranger.waiting()
    peer.send(event(1, sequence=1, timestamp=1), stream.port)
    assert await ear.until_digits(1) == "1"
    stream.close()
    stats = await ear.until_closed()
    assert (stats.foreign, stats.received_packets) == (4, 1)


async def test_a_phone_behind_a_nat_is_heard_from_where_its_signalling_comes(
    plane: MediaPlane, peer: RtpPeer, stranger: RtpPeer, ear: Ear
) -> None:
    stream = opened(plane, peer, ear, Latching(("127.0.0.8", PROXY)))
    with RtpPeer(PROXY) as mapped:  # a port that nobody was told of
        stranger.send(rtp(), stream.port)
        mapped.send(event(4, sequence=1, timestamp=1), stream.port)
        assert await ear.until_digits(1) == "4"
        assert await hears(stream, ear, mapped)
    assert not peer.waiting()
    assert not stranger.waiting()


async def test_anybody_is_heard_where_that_is_wanted(
    plane: MediaPlane, peer: RtpPeer, stranger: RtpPeer, ear: Ear
) -> None:
    stream = opened(plane, peer, ear, Latching(anybody=True))
    stranger.send(event(4, sequence=1, timestamp=1), stream.port)
    assert await ear.until_digits(1) == "4"
    assert await hears(stream, ear, stranger)


async def test_a_re_invite_lets_no_stranger_in(
    plane: MediaPlane, peer: RtpPeer, stranger: RtpPeer, ear: Ear
) -> None:
    stream = opened(plane, peer, ear, Latching((PROXY,)))
    peer.send(rtp(), stream.port)
    await ear.until_rtp()
    with RtpPeer(PHONE) as elsewhere:
        stream.set_remote(elsewhere.address)
        stranger.send(event(6, sequence=1, timestamp=1), stream.port)
        assert await hears(stream, ear, elsewhere)
        elsewhere.send(event(1, sequence=1, timestamp=1), stream.port)
        assert await ear.until_digits(1) == "1"


async def keeps_talking(talker: RtpPeer, stream: Stream, first: int, ear: Ear) -> int:
    """Packets of the source that was heard before, until somebody's keys count; the next number."""
    sequence = first
    async with asyncio.timeout(PATIENCE_S):
        while not ear.digits:
            talker.send(event(7, sequence=sequence, timestamp=sequence * 160), stream.port)
            sequence += 1
            await asyncio.sleep(FRAME_S)
    return sequence


@pytest.mark.parametrize("behind_nat", [False, True])
async def test_a_peer_whose_nat_gave_it_another_address_is_followed(
    plane: MediaPlane, peer: RtpPeer, ear: Ear, behind_nat: bool
) -> None:
    """Also if it had been where its SDP said, in which case the kernel kept everybody else out."""
    stream = opened(plane, peer, ear, Latching((PROXY,)))
    with RtpPeer(PROXY) as mapped, RtpPeer("127.0.0.3") as other:
        before = mapped if behind_nat else peer
        before.send(rtp(1), stream.port)
        await ear.until_rtp()
        packets = await keeps_talking(other, stream, 2, ear) - 2
        assert packets * FRAME_S < SILENCE_S
        assert await hears(stream, ear, other)
        assert not before.waiting()


async def test_another_source_is_not_followed_however_long_the_peer_is_silent(
    plane: MediaPlane, peer: RtpPeer, stranger: RtpPeer, ear: Ear
) -> None:
    stream = opened(plane, peer, ear)
    peer.send(rtp(1), stream.port)
    await ear.until_rtp()
    other = bytearray(event(6, sequence=2, timestamp=320))
    other[8:12] = b"othr"
    for _ in range(15):
        await asyncio.sleep(0.1)
        stranger.send(bytes(other), stream.port)
    assert await hears(stream, ear, peer)
    assert not stranger.waiting()
    peer.send(event(1, sequence=2, timestamp=20000), stream.port)
    assert await ear.until_digits(1) == "1"


async def test_a_peer_that_speaks_is_not_left_for_a_copy_of_its_packets(
    plane: MediaPlane, peer: RtpPeer, stranger: RtpPeer, ear: Ear
) -> None:
    stream = opened(plane, peer, ear, Latching((PROXY,)))
    with RtpPeer(PROXY) as mapped:
        for number in range(75):
            mapped.send(rtp(number), stream.port)
            stranger.send(event(6, sequence=number, timestamp=number * 4000), stream.port)
            await asyncio.sleep(0.02)
        assert await hears(stream, ear, mapped)
    assert ear.digits == ""
    assert not stranger.waiting()


async def test_signs_of_the_peer_and_of_nobody_else(
    plane: MediaPlane, peer: RtpPeer, stranger: RtpPeer, ear: Ear
) -> None:
    stream = opened(plane, peer, ear)
    stranger.send(rtp(), stream.port)
    stream.play([Clip(tone(3))], ear.on_played)
    await ear.until_played()
    assert stream.signs == Signs()
    before_s = time.monotonic()
    peer.send(rtp(), stream.port)
    await ear.until_rtp()
    heard_s = stream.signs.heard_s
    assert heard_s is not None
    assert before_s - 0.002 < heard_s < time.monotonic()
    stream.close()
    with pytest.raises(StreamClosed):
        _ = stream.signs


async def test_silence_is_told_of_sooner_if_nobody_is_at_the_peers_port(ear: Ear) -> None:
    plane = Followed(host=PHONE, ports=free_ports(16), rtp_timeout_s=600)
    plane.start(asyncio.get_running_loop())
    with RtpPeer() as peer:
        stream = opened(plane, peer, ear)
        peer.send(rtp(), stream.port)
        await ear.until_rtp()
    stream.play([Clip(tone(5))], ear.on_played)
    await ear.until_timeouts(1)
    plane.close()
    assert ear.timeouts == 1


@pytest.mark.parametrize("ips", [("nowhere",), ("",), (PROXY, "127.1"), (PROXY,) * 5])
async def test_addresses_of_signalling_that_are_none_or_too_many(
    plane: MediaPlane, peer: RtpPeer, ear: Ear, ips: tuple[str, ...]
) -> None:
    with pytest.raises(BadRemote):
        opened(plane, peer, ear, Latching(ips))
    stream = opened(plane, peer, ear)
    with pytest.raises(BadRemote):
        stream.latch(Latching(ips))
