"""Rooms: who hears whom, and how well."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import pairwise
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from media.rtp_peer import Clip, Ear, Packet, RtpPeer, tone
from media.test_playing import audio
from media.tones import Hum, amplitude, heard
from onhook.media import Codec, MediaPlane, Room, RoomClosed, RoomFull, Stream, StreamClosed
from onhook.media.crossing import Crossing
from onhook.media.errors import NotRunning
from ports import free_ports

TONES_HZ = [400.0, 550.0, 700.0, 900.0, 1150.0, 1450.0, 1850.0, 2350.0]
SETTLED = 15  # frames: what was said before a change is heard to its end
FRAMES = 50


@dataclass
class Member:
    stream: Stream
    peer: RtpPeer
    ear: Ear
    hum: Hum
    hz: float


OpenMembers = Callable[..., AsyncIterator[list[Member]]]


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def open_members(
    plane: MediaPlane, stack: AsyncExitStack, count: int, level: float = 6000
) -> list[Member]:
    """So many calls of both laws in turn, each of which hums a tone of its own."""
    members = []
    for number, hz in enumerate(TONES_HZ[:count]):
        codec = Codec.PCMA if number % 2 else Codec.PCMU
        peer, ear = stack.enter_context(RtpPeer()), Ear()
        stream = plane.open(
            plane.reserve(),
            remote=peer.address,
            codec=codec,
            dtmf_payload_type=None,
            listener=ear,
        )
        hum = await stack.enter_async_context(Hum(peer, stream.port, hz, codec, level))
        members.append(Member(stream, peer, ear, hum, hz))
    return members


async def hear_all(members: list[Member]) -> list[set[float]]:
    """What each hears, by the tones of all."""
    await asyncio.gather(*(member.hum.hear(SETTLED) for member in members))
    sounds = await asyncio.gather(*(member.hum.hear_samples(FRAMES) for member in members))
    return [heard(pcm, TONES_HZ) for pcm in sounds]


async def settle(members: list[Member]) -> None:
    """What they were sent before they came in is forgotten."""
    await asyncio.gather(*(member.hum.hear(SETTLED) for member in members))
    for member in members:
        del member.hum.packets[:-1]


def assert_no_gap(packets: list[Packet], plane: MediaPlane) -> None:
    set_back = 0
    for before, after in pairwise(packets):
        assert (after.sequence - before.sequence) % 2**16 == 1
        step = (after.timestamp - before.timestamp) % 2**32
        assert step % 160 == 0
        set_back += step // 160 - 1
    assert set_back <= plane.health().skipped_rounds


async def test_everybody_hears_exactly_the_others(plane: MediaPlane, stack: AsyncExitStack) -> None:
    room = plane.open_room()
    members = await open_members(plane, stack, 4)
    for member in members:
        room.add(member.stream)
    await settle(members)
    everybody = {member.hz for member in members}
    assert await hear_all(members) == [everybody - {member.hz} for member in members]
    for member in members:
        assert_no_gap(member.hum.packets, plane)
        assert {packet.payload_type for packet in member.hum.packets} == {member.stream.codec}
    assert len(room) == 4


async def test_levels_are_kept(plane: MediaPlane, stack: AsyncExitStack) -> None:
    """Frame by frame, as a test machine that stands still leaves holes in what is said."""
    room = plane.open_room()
    one, other = await open_members(plane, stack, 2)
    room.add(one.stream)
    room.add(other.stream)
    await one.hum.hear(SETTLED)
    pcm = await one.hum.hear_samples(FRAMES)
    best = max(amplitude(part, other.hz) for part in np.split(pcm, 5))
    assert best == pytest.approx(6000, rel=0.05)


async def test_a_muted_member_hears_and_is_not_heard(
    plane: MediaPlane, stack: AsyncExitStack
) -> None:
    room = plane.open_room()
    members = await open_members(plane, stack, 3)
    a, b, c = (member.hz for member in members)
    for member in members:
        room.add(member.stream, muted=member is members[0])
    assert await hear_all(members) == [{b, c}, {c}, {b}]
    room.mute(members[0].stream, False)
    room.mute(members[1].stream, True)
    assert await hear_all(members) == [{c}, {a, c}, {a}]
    room.add(members[1].stream)  # again, and so not muted
    assert await hear_all(members) == [{b, c}, {a, c}, {a, b}]
    assert len(room) == 3


async def test_members_come_and_go(plane: MediaPlane, stack: AsyncExitStack) -> None:
    room = plane.open_room()
    members = await open_members(plane, stack, 4)
    for member in members[:2]:
        room.add(member.stream)
    a, b, c, d = (member.hz for member in members)
    assert await hear_all(members[:2]) == [{b}, {a}]
    room.add(members[2].stream)
    room.add(members[3].stream)
    assert await hear_all(members) == [{b, c, d}, {a, c, d}, {a, b, d}, {a, b, c}]
    members[0].stream.close()
    room.remove(members[1].stream)
    room.remove(members[1].stream)
    assert members[2].stream in room
    assert members[0].stream not in room
    assert await hear_all(members[2:]) == [{d}, {c}]
    members[1].hum.packets.clear()
    members[1].stream.bridge(members[2].stream)
    assert len(room) == 1
    assert await hear_all(members[1:3]) == [{c}, {b}]
    room.add(members[1].stream)
    assert await hear_all([members[1], members[3]]) == [{d}, {b}]


async def test_a_prompt_wins_over_the_mix_for_one(plane: MediaPlane, stack: AsyncExitStack) -> None:
    room = plane.open_room()
    members = await open_members(plane, stack, 3)
    for member in members:
        room.add(member.stream)
    await settle(members)
    await hear_all(members)
    one, other, _ = members
    start = len(one.hum.packets)
    one.stream.play([Clip(tone(20, seed=1))], one.ear.on_played)
    await one.ear.until_played()
    assert await hear_all(members) == [
        {member.hz for member in members if member is not listener} for listener in members
    ]
    heard_by_one = one.hum.packets[start:]
    assert tone(20, seed=1) in audio(heard_by_one)
    for member in members:
        assert_no_gap(member.hum.packets, plane)
    assert tone(1, seed=1) not in audio(other.hum.packets)


async def test_eight_who_shout_are_not_clipped(plane: MediaPlane, stack: AsyncExitStack) -> None:
    room = plane.open_room()
    members = await open_members(plane, stack, 8, level=30000)
    for member in members:
        room.add(member.stream)
    await settle(members)
    sounds = await asyncio.gather(*(member.hum.hear_samples(FRAMES) for member in members))
    everybody = {member.hz for member in members}
    for member, pcm in zip(members, sounds, strict=True):
        assert heard(pcm, TONES_HZ) == everybody - {member.hz}
        assert np.abs(pcm.astype(int)).max() < 32100
        # the distortion of a clipped sum stands between the tones
        between = [amplitude(pcm, hz) for hz in (1000.0, 1300.0, 2100.0, 2700.0, 3100.0)]
        tones = [amplitude(pcm, hz) for hz in everybody - {member.hz}]
        assert max(between) < min(tones) / 4
        assert_no_gap(member.hum.packets, plane)


async def test_who_says_nothing_is_silence_and_hears(
    plane: MediaPlane, stack: AsyncExitStack, stream: Stream, peer: RtpPeer
) -> None:
    room = plane.open_room()
    room.add(stream)
    await peer.receive_all(SETTLED)
    packets = await peer.receive_all(10)
    assert audio(packets) == b"\xff" * 1600
    assert_no_gap(packets, plane)
    (member,) = await open_members(plane, stack, 1)
    room.add(member.stream)
    await peer.receive_many(SETTLED)
    assert audio(await member.hum.hear(10)) == b"\xff" * 1600
    assert_no_gap(peer.all[-10:], plane)


async def test_a_room_has_eight_places(plane: MediaPlane, peer: RtpPeer) -> None:
    room = plane.open_room()
    streams = [
        plane.open(
            plane.reserve(),
            remote=peer.address,
            codec=Codec.PCMU,
            dtmf_payload_type=None,
            listener=Ear(),
        )
        for _ in range(9)
    ]
    for stream in streams[:8]:
        room.add(stream)
    with pytest.raises(RoomFull):
        room.add(streams[8])
    streams[3].close()
    room.add(streams[8])
    assert len(room) == 8
    assert {packet.ssrc for packet in await peer.receive_all(60)}
    other = plane.open_room()
    other.add(streams[0])
    assert (len(room), len(other)) == (7, 1)


async def test_a_closed_room_lets_all_go(plane: MediaPlane, stack: AsyncExitStack) -> None:
    room = plane.open_room()
    members = await open_members(plane, stack, 2)
    for member in members:
        room.add(member.stream)
    await members[0].hum.hear(3)
    room.close()
    room.close()
    assert not room.is_open
    assert len(room) == 0
    with pytest.raises(RoomClosed):
        room.add(members[0].stream)
    with pytest.raises(ValueError, match="not in this room"):
        room.mute(members[0].stream, True)
    for member in members:
        member.stream.play([Clip(tone(4, seed=8))], member.ear.on_played)
        await member.ear.until_played()
        member.hum.packets += member.peer.waiting()
        audible = [packet for packet in member.hum.packets if not packet.silent]
        assert audio(audible).endswith(tone(4, seed=8))


async def test_what_cannot_be_added_is_refused(plane: MediaPlane, peer: RtpPeer, ear: Ear) -> None:
    elsewhere = MediaPlane(host="127.0.0.1", ports=free_ports(2))
    elsewhere.start(asyncio.get_running_loop())
    room = elsewhere.open_room()
    stream = plane.open(
        plane.reserve(),
        remote=peer.address,
        codec=Codec.PCMU,
        dtmf_payload_type=None,
        listener=ear,
    )
    with pytest.raises(ValueError, match="one plane"):
        room.add(stream)
    stream.close()
    with pytest.raises(StreamClosed):
        plane.open_room().add(stream)
    elsewhere.close()
    assert not room.is_open
    with pytest.raises(RoomClosed):
        room.add(stream)


async def test_all_at_once_ends_well(plane: MediaPlane, stack: AsyncExitStack) -> None:
    """Streams that are closed while they loop, send digits, are bridged and sit in rooms."""
    members = await open_members(plane, stack, 8)
    rooms: list[Room] = [plane.open_room() for _ in range(3)]
    streams = [member.stream for member in members]
    for room in rooms:
        for stream in streams[:6]:
            room.add(stream)
    streams[6].bridge(streams[7])
    for stream, member in zip(streams, members, strict=True):
        stream.send_digits("12", member.ear.on_played, member.ear.on_stopped)
        stream.loop([Clip(tone(2))], member.ear.on_stopped)
    await members[0].hum.hear(3)
    rooms[2].close()
    streams[0].bridge(streams[6])
    for stream in streams[::2]:
        stream.close()
    rooms[0].add(streams[1])
    for stream in streams[1::2]:
        stream.stop()
        stream.close()
    for member in members:
        stats = await member.ear.until_closed()
        assert member.ear.stopped == 2
        assert stats.received_packets > 0
    assert [len(room) for room in rooms] == [0, 0, 0]
    assert plane.health().calls == 0
    assert plane.ports_used == 0


def test_a_member_of_another_plane_that_cannot_be_joined_leaves_nobody_who_stands_in() -> None:
    closed: list[str] = []

    def refuse(*_: object) -> int:
        raise NotRunning("the plane is gone")

    crossing = SimpleNamespace(
        there=SimpleNamespace(_handle=7), close=lambda: closed.append("crossing")
    )
    room = Room(refuse, 1, cross=lambda _: cast(Crossing, crossing))
    elsewhere = cast(Stream, _Elsewhere())

    with pytest.raises(NotRunning):
        room.add(elsewhere)

    assert closed == ["crossing"]
    assert elsewhere not in room


class _Elsewhere:
    """A stream of another plane."""

    _ask = None

    def _require_open(self) -> None:
        """It is open."""
