"""Encrypted streams: libsrtp reads what is sent and writes what is received."""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from pylibsrtp import Error, Policy, Session

from media import rtcp_text
from media.conftest import Settle
from media.rtp_peer import PATIENCE_S, SPOKEN, Clip, Ear, Packet, RtpPeer, event, rtp, tone
from onhook.media import Codec, MediaPlane, Stream, StreamStats

PROFILES = {10: Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 4: Policy.SRTP_PROFILE_AES128_CM_SHA1_32}


@dataclass(frozen=True)
class Key:
    master: bytes = field(default_factory=lambda: secrets.token_bytes(30))
    tag_bytes: int = 10
    mki: bytes = b""

    def session(self, direction: int) -> Session:
        return Session(Policy(self.master, direction, srtp_profile=PROFILES[self.tag_bytes]))


@dataclass(frozen=True)
class Keys:
    send: Key = field(default_factory=Key)
    receive: Key = field(default_factory=Key)
    answered: bool = False


class Cipher:
    """The other side of a stream's keys."""

    def __init__(self, keys: Keys) -> None:
        self._in = keys.send.session(Policy.SSRC_ANY_INBOUND)
        self._out = keys.receive.session(Policy.SSRC_ANY_OUTBOUND)
        self.seal, self.seal_rtcp = self._out.protect, self._out.protect_rtcp
        self.open_rtcp = self._in.unprotect_rtcp

    def open(self, data: bytes) -> Packet:
        return Packet.parse(self._in.unprotect(data))

    def opens(self, data: bytes) -> bool:
        try:
            self.open(data)
        except Error:
            return False
        return True


@pytest.fixture(params=[10, 4], ids=["80", "32"])
def keys(request: pytest.FixtureRequest) -> Keys:
    return Keys(Key(tag_bytes=request.param), Key(tag_bytes=request.param))


OpenProtected = Callable[..., Stream]


@pytest.fixture
def open_protected(plane: MediaPlane, peer: RtpPeer, ear: Ear) -> OpenProtected:
    def open_one(keys: Keys | None, **more: object) -> Stream:
        return plane.open(
            plane.reserve(),
            remote=peer.address,
            codec=Codec.PCMU,
            dtmf_payload_type=101,
            protection=keys,
            listener=ear,
            **more,  # type: ignore[arg-type]
        )

    return open_one


async def next_rtp(peer: RtpPeer) -> bytes:
    """The next datagram that is no RTCP."""
    async with asyncio.timeout(PATIENCE_S):
        while 192 <= (data := await peer.receive_datagram())[1] <= 223:
            pass
    return data


async def next_heard(peer: RtpPeer, cipher: Cipher) -> Packet:
    while (packet := cipher.open(await next_rtp(peer))).silent:
        pass
    return packet


async def closed(stream: Stream, ear: Ear) -> StreamStats:
    stream.close()
    return await ear.until_closed()


async def test_what_is_sent_can_be_read_with_the_key_alone(
    open_protected: OpenProtected, peer: RtpPeer, ear: Ear, keys: Keys
) -> None:
    """From the first packet on, silence too, in the order in which it plays; and counted without tags."""
    stream, cipher = open_protected(keys), Cipher(keys)
    content = tone(20)
    stream.play([Clip(content)], ear.on_played)
    heard: list[bytes] = []
    lengths = set()
    while len(heard) < 20:
        data = await next_rtp(peer)
        lengths.add(len(data))
        packet = cipher.open(data)
        if not packet.silent:
            heard.append(packet.payload)
    assert b"".join(heard) == content
    assert lengths == {12 + 160 + keys.send.tag_bytes}
    stats = await closed(stream, ear)
    assert stats.sent_bytes == stats.sent_packets * 172 and not stats.send_errors


async def test_what_plays_goes_on_when_the_codec_changes(
    open_protected: OpenProtected, peer: RtpPeer, ear: Ear, keys: Keys
) -> None:
    stream, cipher = open_protected(keys), Cipher(keys)
    content = tone(30)
    stream.play([Clip(content)], ear.on_played)
    heard = [(await next_heard(peer, cipher)).payload for _ in range(3)]
    stream.agree(Codec.PCMA, 101)
    heard += [(await next_heard(peer, cipher)).payload for _ in range(27)]
    assert b"".join(heard) == content


async def test_what_is_received_is_decrypted(
    open_protected: OpenProtected, peer: RtpPeer, ear: Ear, keys: Keys
) -> None:
    stream, cipher = open_protected(keys), Cipher(keys)
    for number in range(1, 4):
        key = event(number, sequence=number, timestamp=number * 1600, end=True)
        peer.send(cipher.seal(key), stream.port)
    assert await ear.until_digits(3) == "123"
    stats = await closed(stream, ear)
    assert (stats.received_packets, stats.unauthentic, stats.replayed) == (3, 0, 0)
    assert stats.received_bytes == 3 * 16


async def test_nothing_in_the_clear_altered_or_repeated_is_taken(
    open_protected: OpenProtected, peer: RtpPeer, ear: Ear, keys: Keys, settle: Settle
) -> None:
    stream, cipher, stranger = open_protected(keys), Cipher(keys), Cipher(Keys())
    good = cipher.seal(event(1, sequence=1, timestamp=0, end=True))
    late = cipher.seal(event(9, sequence=2, timestamp=1600, end=True))
    hostile = [
        event(5, sequence=3, timestamp=4800, end=True),  # in the clear
        stranger.seal(event(6, sequence=4, timestamp=6400, end=True)),
        *(bytes([*good[:at], good[at] ^ 1, *good[at + 1 :]]) for at in (3, 13, len(good) - 1)),
        good[:-1],
        b"\x80\x65",
        bytes([0x8F, *good[1:]]),  # 15 contributing sources that are not there
    ]
    for data in hostile:
        peer.send(data, stream.port)
    peer.send(good, stream.port)
    assert await ear.until_digits(1) == "1"
    for data in (good, *hostile):  # of which four say that they are the first packet
        peer.send(data, stream.port)
    await settle()
    peer.send(late, stream.port)
    assert await ear.until_digits(2) == "19"
    stats = await closed(stream, ear)
    assert (stats.received_packets, stats.replayed) == (2, 4)
    assert stats.unauthentic == 2 * len(hostile) - 3


async def test_packets_out_of_order_are_taken_once_and_old_ones_never(
    open_protected: OpenProtected, peer: RtpPeer, ear: Ear, settle: Settle, keys: Keys
) -> None:
    stream, cipher = open_protected(keys), Cipher(keys)
    packets = [cipher.seal(rtp(1000 + number, timestamp=160 * number)) for number in range(100)]
    for number in (99, 97, 98, 97, 36, 35):  # the window has 64
        peer.send(packets[number], stream.port)
    await settle()
    stats = await closed(stream, ear)
    assert (stats.received_packets, stats.replayed, stats.unauthentic) == (4, 2, 0)


async def test_sequence_numbers_wrap_in_what_is_received(
    open_protected: OpenProtected, peer: RtpPeer, ear: Ear, settle: Settle, keys: Keys
) -> None:
    """Three times round, with packets lost and late about each wrap."""
    stream, cipher = open_protected(keys), Cipher(keys)
    sent = 0
    for index in range(65000, 3 * 65536 + 1000, 509):
        sealed = cipher.seal(rtp(index % 65536, timestamp=index * 160))
        peer.send(sealed, stream.port)
        sent += 1
        if sent % 5 == 0:
            await settle()
    await settle()
    stats = await closed(stream, ear)
    assert (stats.received_packets, stats.unauthentic, stats.replayed) == (sent, 0, 0)


async def test_a_source_that_was_heard_first_behind_its_wrap(
    open_protected: OpenProtected, peer: RtpPeer, ear: Ear, keys: Keys
) -> None:
    stream, cipher = open_protected(keys), Cipher(keys)
    for sequence in range(65530, 65536):
        cipher.seal(rtp(sequence))  # lost
    peer.send(cipher.seal(event(7, sequence=2, timestamp=0, end=True)), stream.port)
    assert await ear.until_digits(1) == "7"


async def test_a_peer_that_changes_its_source(
    open_protected: OpenProtected, peer: RtpPeer, ear: Ear, settle: Settle, keys: Keys
) -> None:
    """More often than sources are kept; each begins where it likes, and none can be played again."""
    stream, cipher = open_protected(keys), Cipher(keys)
    sealed = []
    for ssrc in range(1, 21):
        sealed.append(cipher.seal(rtp(ssrc * 3000, ssrc=ssrc, timestamp=ssrc)))
        peer.send(sealed[-1], stream.port)
        await settle()
    peer.send(sealed[-1], stream.port)
    await settle()
    stats = await closed(stream, ear)
    assert (stats.received_packets, stats.replayed, stats.unauthentic) == (20, 1, 0)


async def test_a_peer_with_an_identifier_of_its_key(
    open_protected: OpenProtected, peer: RtpPeer, ear: Ear, settle: Settle
) -> None:
    """RFC 3711 3.1: it stands before the tag, and is not authenticated."""
    keys = Keys(receive=Key(mki=b"\0\1"))
    stream, cipher = open_protected(keys), Cipher(keys)
    plain = cipher.seal(event(3, sequence=1, timestamp=0, end=True))
    peer.send(plain, stream.port)
    peer.send(plain[:-10] + b"\0\2" + plain[-10:], stream.port)
    await settle()
    assert not ear.digits
    peer.send(plain[:-10] + b"\0\1" + plain[-10:], stream.port)
    assert await ear.until_digits(1) == "3"


# RTCP -----------------------------------------------------------------------------------------


async def test_reports_are_encrypted_both_ways(
    open_protected: OpenProtected, peer: RtpPeer, ear: Ear, keys: Keys, settle: Settle
) -> None:
    """On one port (RFC 5761). What is in the clear, altered or repeated counts for nothing."""
    stream, cipher = open_protected(keys, rtcp_mux=True), Cipher(keys)
    async with asyncio.timeout(PATIENCE_S):
        while not 192 <= (data := await peer.receive_datagram())[1] <= 223:
            cipher.open(data)
    report = cipher.open_rtcp(data)
    assert (report[1], data[4:8]) == (200, report[4:8]) and data[8:28] != report[8:28]
    ours = int.from_bytes(report[4:8], "big")
    highest = peer.all[-1].sequence
    told = rtcp_text.report(7, rtcp_text.Block(ours, lost=3, highest=highest))
    sealed = cipher.seal_rtcp(told)
    for datagram in (told, sealed[:-1], bytes([*sealed[:12], sealed[12] ^ 1, *sealed[13:]])):
        peer.send(datagram, stream.port)
    peer.send(sealed, stream.port)
    peer.send(sealed, stream.port)
    async with asyncio.timeout(PATIENCE_S):
        while stream.report is None:
            await peer.receive_datagram()
    assert stream.report.lost == 3
    await settle()  # what came behind it has been read, too
    stats = await closed(stream, ear)
    assert (stats.reports, stats.unauthentic, stats.replayed) == (1, 3, 1)


async def test_the_end_is_told_encrypted(
    open_protected: OpenProtected, peer: RtpPeer, ear: Ear, keys: Keys
) -> None:
    stream, cipher = open_protected(keys, rtcp_mux=True), Cipher(keys)
    cipher.open(await next_rtp(peer))
    await closed(stream, ear)
    async with asyncio.timeout(PATIENCE_S):
        while not 192 <= (data := await peer.receive_datagram())[1] <= 223:
            pass
    assert cipher.open_rtcp(data)[-8:-6] == b"\x81\xcb"


# New keys -------------------------------------------------------------------------------------


async def test_new_keys_cost_nothing_that_was_on_its_way(
    open_protected: OpenProtected, peer: RtpPeer, ear: Ear, settle: Settle, keys: Keys
) -> None:
    """Until the peer uses its new key it hears our old one, and is heard under its own old one."""
    stream, old = open_protected(keys), Cipher(keys)
    anew = Keys(Key(tag_bytes=10), Key(tag_bytes=10), answered=True)
    new = Cipher(anew)
    old.open(await next_rtp(peer))
    peer.send(old.seal(event(1, sequence=1, timestamp=0, end=True)), stream.port)
    await ear.until_digits(1)
    late = old.seal(event(3, sequence=3, timestamp=3200, end=True))
    stream.protect(anew)
    peer.send(old.seal(event(2, sequence=2, timestamp=1600, end=True)), stream.port)
    assert await ear.until_digits(2) == "12"
    peer.send(new.seal(event(4, sequence=4, timestamp=4800, end=True)), stream.port)
    assert await ear.until_digits(3) == "124"
    peer.send(late, stream.port)
    peer.send(new.seal(event(5, sequence=5, timestamp=6400, end=True)), stream.port)
    assert await ear.until_digits(4) == "1245"
    expected = None
    while (
        True
    ):  # no packet between the last under the old key and the first under the new is missing
        data = await next_rtp(peer)
        sequence = Packet.parse(data).sequence
        assert expected in (None, sequence)
        expected = (sequence + 1) % 65536
        if not old.opens(data):
            new.open(data)
            break
    stats = await closed(stream, ear)
    assert (stats.received_packets, stats.unauthentic, stats.replayed) == (5, 0, 0)


async def test_a_peer_that_is_silent_gets_the_new_key_all_the_same(
    open_protected: OpenProtected, peer: RtpPeer, keys: Keys
) -> None:
    stream, old = open_protected(keys), Cipher(keys)
    anew = Keys(answered=True)
    new = Cipher(anew)
    stream.protect(anew)
    async with asyncio.timeout(PATIENCE_S):
        while old.opens(data := await next_rtp(peer)):
            pass
    new.open(data)


async def test_a_peer_that_begins_to_count_anew_with_its_key(
    open_protected: OpenProtected, peer: RtpPeer, ear: Ear, settle: Settle, keys: Keys
) -> None:
    """After a wrap, which RFC 3711 3.3.1 would have it go on counting."""
    stream, old = open_protected(keys), Cipher(keys)
    for sequence in (65534, 65535, 0, 1):
        peer.send(old.seal(rtp(sequence)), stream.port)
    await settle()
    anew = Keys(keys.send, Key())
    stream.protect(anew)
    peer.send(Cipher(anew).seal(event(8, sequence=2, timestamp=0, end=True)), stream.port)
    assert await ear.until_digits(1) == "8"


async def test_the_old_key_is_worth_nothing_after_a_while(
    open_protected: OpenProtected, peer: RtpPeer, ear: Ear, settle: Settle, keys: Keys
) -> None:
    stream, old = open_protected(keys), Cipher(keys)
    stream.protect(first := Keys(keys.send, Key()))
    stream.protect(second := Keys(keys.send, Key()))
    peer.send(old.seal(event(1, sequence=1, timestamp=0, end=True)), stream.port)
    peer.send(Cipher(first).seal(event(2, sequence=2, timestamp=1600, end=True)), stream.port)
    peer.send(Cipher(second).seal(event(3, sequence=3, timestamp=3200, end=True)), stream.port)
    assert await ear.until_digits(2) == "23"
    assert (await closed(stream, ear)).unauthentic == 1


async def test_keys_may_change_as_often_as_one_likes(
    open_protected: OpenProtected, peer: RtpPeer, ear: Ear, settle: Settle
) -> None:
    """Their places are given back; nothing runs out."""
    stream = open_protected(Keys())
    for _ in range(50):
        for _ in range(20):
            stream.protect(last := Keys())
        await settle()
    peer.send(Cipher(last).seal(event(3, sequence=3, timestamp=3200, end=True)), stream.port)
    assert await ear.until_digits(1) == "3"


async def test_a_stream_becomes_encrypted_in_the_middle(
    open_protected: OpenProtected, peer: RtpPeer, ear: Ear, settle: Settle, keys: Keys
) -> None:
    stream, cipher = open_protected(None), Cipher(keys)
    peer.send(event(1, sequence=1, timestamp=0, end=True), stream.port)
    assert await ear.until_digits(1) == "1"
    stream.protect(keys)
    peer.send(event(2, sequence=2, timestamp=1600, end=True), stream.port)
    peer.send(cipher.seal(event(3, sequence=3, timestamp=3200, end=True)), stream.port)
    assert await ear.until_digits(2) == "13"
    peer.all_waiting()
    cipher.open(await next_rtp(peer))


# Joined calls ---------------------------------------------------------------------------------


async def test_a_bridge_between_one_in_the_clear_and_one_encrypted(
    plane: MediaPlane, open_protected: OpenProtected, peer: RtpPeer, settle: Settle, keys: Keys
) -> None:
    stream, cipher = open_protected(keys), Cipher(keys)
    with RtpPeer() as plain:
        other = plane.open(
            plane.reserve(),
            remote=plain.address,
            codec=Codec.PCMU,
            dtmf_payload_type=101,
            listener=Ear(),
        )
        stream.bridge(other)
        await settle()
        peer.send(cipher.seal(rtp(1)), stream.port)
        assert (await plain.receive()).payload == SPOKEN
        plain.send(rtp(1), other.port)
        assert (await next_heard(peer, cipher)).payload == SPOKEN


async def test_sequence_numbers_wrap_in_what_is_sent(
    plane: MediaPlane, open_protected: OpenProtected, peer: RtpPeer, settle: Settle, keys: Keys
) -> None:
    """Whoever is joined to another call is sent its packets, and their losses with them."""
    stream, cipher = open_protected(keys), Cipher(keys)
    with RtpPeer() as plain:
        other = plane.open(
            plane.reserve(),
            remote=plain.address,
            codec=Codec.PCMU,
            dtmf_payload_type=101,
            listener=Ear(),
        )
        stream.bridge(other)
        await settle()
        before, sequence, wraps = cipher.open(await next_rtp(peer)).sequence, 1, 0
        async with asyncio.timeout(3 * PATIENCE_S):
            while wraps < 2:
                for _ in range(6):  # with fewer lost in between than make the relay begin anew
                    now = int(time.monotonic() * 8000) % 2**32
                    plain.send(rtp(sequence % 65536, timestamp=now), other.port)
                    sequence += 60
                after = cipher.open(await next_rtp(peer)).sequence
                wraps += after < before
                before = after


def test_a_key_that_is_none(open_protected: OpenProtected) -> None:
    for bad in (Key(b"short"), Key(tag_bytes=8), Key(mki=bytes(17))):
        with pytest.raises(ValueError, match=r"SRTP master key|identifier"):
            open_protected(Keys(receive=bad))
