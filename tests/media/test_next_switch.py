"""The switch is killed, and another one goes on: what phones hear of it, and what is told."""

import asyncio
import json
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from media.doomed_switch import keys_of
from media.plane_process import PlaneProcess
from media.rtp_peer import PATIENCE_S, SPOKEN, Clip, Ear, Packet, RtpPeer, event, rtp, tone
from media.settling import settled
from media.test_recording import linear, place
from media.test_srtp import Cipher
from onhook.media import (
    Codec,
    FoundStream,
    MediaPlane,
    NoPortLeft,
    RecordingStats,
    Room,
    Stream,
)
from ports import free_ports

TESTS = Path(__file__).parents[1]

BEYOND_CALLS = 256
"""A plane has as many rooms as calls, and so many more (`room_count()`)."""


class Doomed:
    """The process of a switch that is killed; `doomed_switch.py` says what it can be told to do."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.ports: list[int] = []

    async def says(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await asyncio.to_thread(self._process.stdout.readline)
        said: dict[str, Any] = json.loads(line)
        return said

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


class Scene:
    """A plane of its own process, and one switch after another."""

    def __init__(self, ports: range, *, keep_audio_s: float = PATIENCE_S) -> None:
        self.ports = ports
        self.process = PlaneProcess(ports, keep_audio_s=keep_audio_s)
        self._doomed: list[Doomed] = []
        self._planes: list[MediaPlane] = []

    async def doomed(self, *streams: dict[str, Any]) -> Doomed:
        """A switch that has done this."""
        doomed = await self.begun(*streams)
        assert await doomed.says() == {}
        return doomed

    async def begun(self, *streams: dict[str, Any]) -> Doomed:
        """A switch that has opened these, and does the rest."""
        link = await self.process.offer()
        fds = (link.memory, link.commands, link.events, link.control)
        process = subprocess.Popen(  # noqa: ASYNC220  at once; nothing else runs
            [sys.executable, "-m", "media.doomed_switch", *map(str, fds)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
            pass_fds=fds,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        link.close()
        assert process.stdin is not None
        told = {"ports": [self.ports.start, self.ports.stop], "streams": streams}
        process.stdin.write(json.dumps(told) + "\n")
        process.stdin.flush()
        doomed = Doomed(process)
        self._doomed.append(doomed)
        doomed.ports = (await doomed.says())["ports"]
        return doomed

    async def next(self) -> MediaPlane:
        """A switch of this process; nothing is told yet."""
        plane = MediaPlane(host="127.0.0.1", ports=self.ports)
        plane.start(asyncio.get_running_loop(), await self.process.offer())
        self._planes.append(plane)
        return plane

    async def killed(self, *streams: dict[str, Any]) -> tuple[MediaPlane, list[FoundStream]]:
        """A switch that did this was killed; the next one, and what it found."""
        doomed = await self.doomed(*streams)
        doomed.kill()
        plane = await self.next()
        found = plane.found()
        return plane, [found[port] for port in doomed.ports]

    def end(self) -> None:
        for doomed in self._doomed:
            doomed.kill()
        for plane in self._planes:
            if plane.running:
                assert plane.health().refused == 0
            plane.close()
        self.process.__exit__()


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene(free_ports(16))
    yield scene
    scene.end()


def adopted(plane: MediaPlane, found: FoundStream, ear: Ear, **how: Any) -> Stream:
    return plane.adopt(found, codec=Codec.PCMU, dtmf_payload_type=101, listener=ear, **how)


def resume(plane: MediaPlane) -> None:
    plane.let_go_of_rest()
    plane.resume()


def closes(stream: Stream) -> Callable[[float], None]:
    return lambda _: stream.close()


def told_to(peer: RtpPeer, *do: Sequence[Any], **how: Any) -> dict[str, Any]:
    return {"peer": peer.address, "do": do, **how}


def assert_whole(packets: Sequence[Packet], plane: MediaPlane) -> None:
    """Not one is missing or comes twice, and the line of timestamps has no gap, unless the machine stood
    still."""
    assert len({packet.ssrc for packet in packets}) == 1
    skipped = 0
    for before, after in pairwise(packets):
        assert (after.sequence - before.sequence) % 2**16 == 1
        step = (after.timestamp - before.timestamp) % 2**32
        assert step % 160 == 0
        skipped += step // 160 - 1
    assert skipped <= plane.health().skipped_rounds


async def test_a_message_goes_on(scene: Scene, peer: RtpPeer, ear: Ear) -> None:
    doomed = await scene.doomed(told_to(peer, ("play", 150)))
    await peer.receive_many(20)
    doomed.kill()
    plane = await scene.next()
    found = plane.found()[doomed.ports[0]]
    assert (found.last_play, found.bridged_to, found.room) == (1, None, None)
    stream = adopted(plane, found, ear)
    assert not plane.found()
    stream.adopt_play(1, ear.on_played, ear.on_stopped)
    assert stream.play([Clip(tone(10))], ear.on_played) == 2
    resume(plane)
    await ear.until_played(2)
    assert not stream.playing
    assert ear.stopped == 0
    await peer.receive_any()
    peer.all_waiting()
    assert_whole(peer.all, plane)
    said = b"".join(packet.payload for packet in peer.all if not packet.silent)
    assert said == tone(150, seed=150) + tone(10)


async def test_its_end_is_told_once_more(scene: Scene, peer: RtpPeer, ear: Ear) -> None:
    did = told_to(peer, ("play", 3), ("play", 4, 2), ("played", 2), ("play", 200))
    plane, (found,) = await scene.killed(did)
    assert found.last_play == 3
    stream = adopted(plane, found, ear)
    stream.adopt_play(2, ear.on_played, ear.on_stopped)
    resume(plane)
    await ear.until_played()
    stream.stop()  # what nobody knows of plays
    stream.play([Clip(tone(5))], ear.on_played)
    await ear.until_played(2)
    assert [packet.payload for packet in peer.waiting()[-5:]] == [
        tone(5)[at : at + 160] for at in range(0, 800, 160)
    ]


async def test_keys_are_told_once_and_in_order(scene: Scene, peer: RtpPeer, ear: Ear) -> None:
    def press(number: int) -> None:
        peer.send(event(number, sequence=number, timestamp=160 * number), doomed.ports[0])

    doomed = await scene.begun(told_to(peer, ("hear", 1), ("acknowledge",)))
    press(0)
    await doomed.says()
    press(1)
    await peer.receive_all(3)
    doomed.kill()
    press(2)
    await peer.receive_all(3)
    plane = await scene.next()
    numbers: list[int] = []
    stream = adopted(plane, plane.found()[doomed.ports[0]], ear)
    plane.on_taken = numbers.append
    press(3)
    assert ear.digits == ""
    resume(plane)
    assert await ear.until_digits(3) == "123"
    assert plane.event_at_hand > 1
    plane.acknowledge(numbers[-1])
    plane.detach()

    last = await scene.next()
    other = Ear()
    stream = adopted(last, last.found()[doomed.ports[0]], other)
    resume(last)
    press(4)
    assert await other.until_digits(1) == "4"
    assert stream.stats_now.dropped_digits == 0


async def test_what_was_not_acknowledged_keeps_its_number(
    scene: Scene, peer: RtpPeer, ear: Ear
) -> None:
    plane, (found,) = await scene.killed(told_to(peer, ("play", 2), ("played", 1)))
    stream = adopted(plane, found, ear)
    told: list[tuple[int, int]] = []

    def on_played(_: float) -> None:
        told.append((plane.event_at_hand, stream.port))

    for each in range(3):
        stream.adopt_play(1, on_played)
        plane.on_taken = lambda _: None
        resume(plane)
        async with asyncio.timeout(PATIENCE_S):
            while len(told) <= each:
                await asyncio.sleep(0.01)
        plane.detach()
        plane = await scene.next()
        stream = adopted(plane, plane.found()[found.port], ear)
    assert len(set(told)) == 1


async def test_a_loop_loops_on(scene: Scene, peer: RtpPeer, ear: Ear) -> None:
    doomed = await scene.doomed(told_to(peer, ("loop", 7)))
    await peer.receive_many(10)
    doomed.kill()
    plane = await scene.next()
    stream = adopted(plane, plane.found()[doomed.ports[0]], ear)
    stream.adopt_play(1, ear.on_played, ear.on_stopped)
    resume(plane)
    await peer.receive_many(20)
    stream.stop()
    await ear.until_stopped()
    heard = [packet for packet in peer.all if not packet.silent]
    assert_whole(heard, plane)
    assert b"".join(packet.payload for packet in heard[:28]) == tone(7, seed=7) * 4


async def test_digits_are_sent_to_their_end(scene: Scene, peer: RtpPeer, ear: Ear) -> None:
    plane, (found,) = await scene.killed(told_to(peer, ("digits", "123456789" * 8)))
    stream = adopted(plane, found, ear)
    stream.adopt_play(1, ear.on_played)
    resume(plane)
    await ear.until_played()
    peer.all_waiting()
    pressed = [packet for packet in peer.all if packet.payload_type == 101 and packet.marker]
    assert [packet.payload[0] for packet in pressed] == [1, 2, 3, 4, 5, 6, 7, 8, 9] * 8


async def test_two_hear_each_other_all_the_time(scene: Scene, ear: Ear) -> None:
    with RtpPeer() as one, RtpPeer() as other:
        doomed = await scene.doomed(told_to(one), told_to(other, ("bridge", 0)))
        said = [rtp(number, timestamp=160 * number) for number in range(40)]
        one.send(said[0], doomed.ports[0])
        await other.receive()
        doomed.kill()
        plane = await scene.next()
        for each in said[1:20]:
            one.send(each, doomed.ports[0])
            await other.receive()
        found = plane.found()
        first, second = (found[port] for port in doomed.ports)
        assert (first.bridged_to, second.bridged_to) == (second.port, first.port)
        left, right = adopted(plane, first, ear), adopted(plane, second, Ear())
        left.adopt_bridge(right)
        resume(plane)
        for each in said[20:]:
            one.send(each, doomed.ports[0])
            await other.receive()
        heard = [packet for packet in other.all if packet.payload == SPOKEN]
        assert len(heard) == 40
        assert len({packet.ssrc for packet in heard}) == 1
        right.close()
        assert left._bridged is None


async def test_a_room_stays(scene: Scene) -> None:
    with RtpPeer() as one, RtpPeer() as two, RtpPeer() as three:
        plane, found = await scene.killed(
            told_to(one), told_to(two), told_to(three, ("room", 0, 1, 2))
        )
        rooms = {each.room for each in found}
        assert len(rooms) == 1
        handle = found[0].room
        assert handle is not None
        streams = [adopted(plane, each, Ear()) for each in found[:2]]
        room = plane.adopt_room(handle)
        streams.append(adopted(plane, found[2], Ear()))
        assert plane.adopt_room(handle) is room
        assert set(streams) == room._members
        resume(plane)
        room.remove(streams[2])
        async with one.speaking(found[0].port):
            await two.receive_many(20)
        room.close()
        with pytest.raises(LookupError):
            plane.adopt_room(handle)
        another = plane.open_room()
        another.add(streams[0])
        assert another.handle != handle


async def test_a_room_is_there_for_the_next_when_the_first_does_not_want_it(scene: Scene) -> None:
    with RtpPeer() as one, RtpPeer() as two, RtpPeer() as three:
        plane, found = await scene.killed(
            told_to(one), told_to(two), told_to(three, ("room", 0, 1, 2))
        )
        handle = found[0].room
        assert handle is not None
        first, *others = [adopted(plane, each, Ear()) for each in found]
        plane.adopt_room(handle).remove(first)  # and nobody has kept it
        room = plane.adopt_room(handle)
        assert room._members == set(others)
        resume(plane)
        async with two.speaking(found[1].port):
            await three.receive_many(20)


async def test_a_room_that_nobody_wants_is_closed(scene: Scene, peer: RtpPeer) -> None:
    plane, [found] = await scene.killed(told_to(peer, ("room", 0)))
    assert found.room is not None
    plane.adopt_room(found.room).remove(adopted(plane, found, Ear()))
    resume(plane)
    assert await rooms_that_can_be_opened(plane) == plane.calls_at_most + BEYOND_CALLS


async def rooms_that_can_be_opened(plane: MediaPlane) -> int:
    await settled(plane)  # those that were closed are gone
    rooms: list[Room] = []
    with suppress(OSError):
        while True:
            rooms.append(plane.open_room())
    return len(rooms)


async def test_a_recording_has_no_gap(
    scene: Scene, peer: RtpPeer, ear: Ear, tmp_path: Path
) -> None:
    tape = tmp_path / "tape"
    doomed = await scene.doomed(told_to(peer, ("record", str(tape), 2**63 + 5), ("play", 120)))
    await peer.receive_many(20)
    doomed.kill()
    plane = await scene.next()
    found = plane.found()[doomed.ports[0]]
    assert set(found.recordings) == {2**63 + 5}
    stream = adopted(plane, found, ear)
    stream.adopt_play(1, ear.on_played)
    done: asyncio.Future[RecordingStats] = asyncio.get_running_loop().create_future()
    recorder = stream.adopt_recording(2**63 + 5, done.set_result)
    with pytest.raises(LookupError):
        stream.adopt_recording(1, done.set_result)
    resume(plane)
    await ear.until_played()
    recorder.stop()
    async with asyncio.timeout(PATIENCE_S):
        stats = await done
    recorded = np.fromfile(tape, np.int16)
    assert (stats.samples, stats.lost, stats.error) == (len(recorded), 0, 0)
    place(linear(tone(120, seed=120), Codec.PCMU), recorded, plane.health().skipped_rounds)


async def test_a_recording_begins_though_nobody_is_there(
    scene: Scene, peer: RtpPeer, ear: Ear, tmp_path: Path
) -> None:
    """Whoever was to hear of the end of the message is dead by then."""
    tape = tmp_path / "tape"
    prepared = ("prepare_recording", str(tape), 5)
    doomed = await scene.doomed(told_to(peer, prepared, ("play", 30), ("play", 60)))
    doomed.kill()
    await peer.receive_many(50)
    plane = await scene.next()
    found = plane.found()[doomed.ports[0]]
    stream = adopted(plane, found, ear)
    stream.adopt_play(2, ear.on_played)
    done: asyncio.Future[RecordingStats] = asyncio.get_running_loop().create_future()
    recorder = stream.adopt_recording(5, done.set_result, waits=True)
    resume(plane)
    recorder.begin()  # it has: what plays is not cut
    await ear.until_played()
    recorder.stop()
    async with asyncio.timeout(PATIENCE_S):
        stats = await done
    recorded = np.fromfile(tape, np.int16)
    assert (stats.samples, stats.lost, stats.error) == (len(recorded), 0, 0)
    skipped = plane.health().skipped_rounds
    assert place(linear(tone(60, seed=60), Codec.PCMU), recorded, skipped) == 0


async def test_a_recording_waits_on_without_a_switch(
    scene: Scene, peer: RtpPeer, ear: Ear, tmp_path: Path
) -> None:
    tape = tmp_path / "tape"
    prepared = ("prepare_recording", str(tape), 5)
    plane, (found,) = await scene.killed(told_to(peer, prepared, ("play", 100)))
    stream = adopted(plane, found, ear)
    stream.adopt_play(1, ear.on_played, ear.on_stopped)
    done: asyncio.Future[RecordingStats] = asyncio.get_running_loop().create_future()
    recorder = stream.adopt_recording(5, done.set_result, waits=True)
    resume(plane)
    recorder.begin()
    await ear.until_stopped()  # nothing of it is to be recorded
    stream.play([Clip(tone(5))], ear.on_played)
    await ear.until_played()
    recorder.stop()
    async with asyncio.timeout(PATIENCE_S):
        await done
    recorded = np.fromfile(tape, np.int16)
    skipped = plane.health().skipped_rounds
    at = place(linear(tone(5)[: 4 * 160], Codec.PCMU), recorded, skipped)
    assert not recorded[:at].any()


async def test_a_recording_that_ended_meanwhile(
    scene: Scene, peer: RtpPeer, ear: Ear, tmp_path: Path
) -> None:
    did = [("record", str(tmp_path / "one"), 1), ("stop_recording",), ("play", 5), ("played", 1)]
    plane, (found,) = await scene.killed(told_to(peer, *did, ("record", str(tmp_path / "two"), 2)))
    assert set(found.recordings) == {1, 2}
    stream = adopted(plane, found, ear)
    done: asyncio.Future[RecordingStats] = asyncio.get_running_loop().create_future()
    stream.adopt_recording(1, done.set_result)
    resume(plane)  # and nobody has adopted the other one
    async with asyncio.timeout(PATIENCE_S):
        stats = await done
        while plane.leaving:
            await asyncio.sleep(0.01)
    assert stats.samples * 2 == (tmp_path / "one").stat().st_size
    third: asyncio.Future[RecordingStats] = asyncio.get_running_loop().create_future()
    stream.record(os.open(tmp_path / "three", os.O_CREAT | os.O_WRONLY), third.set_result).stop()
    async with asyncio.timeout(PATIENCE_S):
        assert (await third).error == 0


async def test_encrypted_it_stays_encrypted(scene: Scene, peer: RtpPeer, ear: Ear) -> None:
    masters = [secrets.token_hex(30), secrets.token_hex(30)]
    keys = keys_of(masters)
    assert keys is not None
    cipher = Cipher(keys)
    doomed = await scene.doomed(told_to(peer, ("play", 100), keys=masters))

    async def heard(count: int) -> list[Packet]:
        loop = asyncio.get_running_loop()
        packets: list[Packet] = []
        async with asyncio.timeout(PATIENCE_S):
            while len(packets) < count:
                packets.append(cipher.open(await loop.sock_recv(peer._socket, 2048)))
        return packets

    packets = await heard(30)
    doomed.kill()
    plane = await scene.next()
    stream = adopted(plane, plane.found()[doomed.ports[0]], ear, protection=keys)
    stream.adopt_play(1, ear.on_played)
    resume(plane)
    peer.send(cipher.seal(event(7, sequence=1, timestamp=160)), stream.port)
    assert await ear.until_digits(1) == "7"
    await ear.until_played()
    packets += await heard(90)
    assert_whole(packets, plane)
    said = b"".join(packet.payload for packet in packets if not packet.silent)
    assert said == tone(100, seed=100)
    stream.protect(keys)  # the same again


async def test_reports_go_on(scene: Scene) -> None:
    with RtpPeer() as peer:
        peer._above.setblocking(False)
        doomed = await scene.doomed(told_to(peer))
        loop = asyncio.get_running_loop()
        doomed.kill()
        async with asyncio.timeout(PATIENCE_S):  # every few seconds
            for _ in range(2):
                await loop.sock_recv(peer._above, 2048)


async def test_what_nobody_goes_on_with_is_closed(scene: Scene, peer: RtpPeer, ear: Ear) -> None:
    with RtpPeer() as second:
        plane, (one, other) = await scene.killed(
            told_to(peer, ("loop", 5)), told_to(second, ("loop", 5), ("room", 1))
        )
        with pytest.raises(NoPortLeft):
            plane.reserve(one.port)
        adopted(plane, one, ear)
        assert plane.let_go_of_rest() == 1
        plane.resume()
        async with asyncio.timeout(PATIENCE_S):
            while plane.leaving:
                await asyncio.sleep(0.01)
        second.all_waiting()
        await peer.receive_all(5)
        assert second.all_waiting() == []
        assert plane.health().calls == 1
        plane.reserve(other.port).release()
        with pytest.raises(LookupError):
            adopted(plane, other, ear)


async def test_every_place_can_be_used_again(scene: Scene, peer: RtpPeer) -> None:
    """Nothing that the next switch asks for is taken for what the last one had."""
    doomed = await scene.doomed(
        *(told_to(peer, ("play", 300)) for _ in range(3)), told_to(peer, ("close",))
    )
    doomed.kill()
    plane = await scene.next()
    assert plane.let_go_of_rest() == 3
    kept = plane.found()
    assert not kept
    plane.resume()
    for _ in range(3):
        async with asyncio.timeout(PATIENCE_S):
            while plane.health().calls or plane.leaving:
                await asyncio.sleep(0.01)
        ears = [Ear() for _ in range(plane.capacity)]
        for ear in ears:
            stream = plane.open(
                plane.reserve(),
                remote=peer.address,
                codec=Codec.PCMU,
                dtmf_payload_type=None,
                listener=ear,
            )
            stream.play([Clip(tone(2)), Clip(tone(1))], ear.on_played, ear.on_stopped)
            stream.play([Clip(tone(2))], closes(stream))
        for ear in ears:
            await ear.until_closed()
            assert len(ear.played) == 1


@pytest.mark.parametrize("seen", [False, True])
async def test_half_a_message_is_nothing(scene: Scene, peer: RtpPeer, ear: Ear, seen: bool) -> None:
    did = told_to(peer, ("play", 2), ("played", 1), ("half_a_message", 500, seen))
    plane, (found,) = await scene.killed(did)
    assert found.last_play == 1
    stream = adopted(plane, found, ear)
    resume(plane)
    await settled(plane)
    peer.waiting()
    await peer.receive_all(5)
    assert not peer.waiting()
    assert not stream.playing
    assert stream.play([Clip(tone(3))], ear.on_played) == 2
    await ear.until_played()


async def test_nobody_comes() -> None:
    scene = Scene(free_ports(16), keep_audio_s=0.5)
    with RtpPeer() as peer, RtpPeer() as other:
        doomed = await scene.doomed(told_to(peer, ("loop", 5)), told_to(other))
        await peer.receive_many(5)
        doomed.kill()
        link = await scene.process.offer()
        assert (await scene.process.logged("media_let_go"))["calls"] == 2
        link.close()
        plane = await scene.next()
        assert not plane.found()
        resume(plane)
        async with asyncio.timeout(PATIENCE_S):
            while plane.health().calls:
                await asyncio.sleep(0.01)
        for each in (peer, other):
            each.all_waiting()
        await settled(plane)  # some rounds have passed
        assert not peer.all_waiting()
        assert not other.all_waiting()
        plane.close()
    scene.process.kill()
    assert scene.process.log() == ""
