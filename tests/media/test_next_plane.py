"""The plane is killed, and the next one goes on: the switch opens all streams again; nobody else is told."""

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from media.plane_process import PlaneProcess
from media.rtp_peer import PATIENCE_S, SPOKEN, Clip, Ear, Packet, RtpPeer, event, rtp, tone
from media.test_plane_process import Loss
from media.test_recording import MOST_OF_A_SKIP, linear, place
from media.test_srtp import Cipher, Key, Keys
from onhook.media import Codec, MediaPlane, NotRunning, RecordingStats, Stream
from onhook.media.g711 import SAMPLE_RATE
from onhook.media.link import PlaneLink
from onhook.media.play_queue import number_after
from onhook.media.remains import Before, remains_in
from onhook.media.reviving import RevivingPlane
from ports import free_ports

FRAME_S = 0.020


class Scene:
    """A switch, and one plane after another."""

    def __init__(self) -> None:
        self.ports = free_ports(16)
        self.lost = Loss()
        self.reopened = 0
        self.plane = MediaPlane(host="127.0.0.1", ports=self.ports)
        self.plane.on_reopened = self._on_reopened
        self._processes: list[PlaneProcess] = []

    def _on_reopened(self) -> None:
        self.reopened += 1

    async def start(self) -> None:
        self._processes.append(PlaneProcess(self.ports))
        self.link = await self._processes[-1].offer()
        self.plane.start(asyncio.get_running_loop(), self.link, on_lost=self.lost)
        self.plane.resume()

    def kill_at_once(self) -> None:
        """The plane, and its switch, which does not come to see that."""
        self._processes[-1].kill()
        self.plane.detach()

    async def another_switch(self) -> MediaPlane:
        """With the next plane."""
        self.plane = MediaPlane(host="127.0.0.1", ports=self.ports)
        await self.start()
        return self.plane

    async def offer(self) -> PlaneLink:
        """The link for another switch."""
        return await self._processes[-1].offer()

    async def kill(self) -> None:
        """Returns when that was seen."""
        self._processes[-1].kill()
        async with asyncio.timeout(PATIENCE_S):
            while self.plane.running:
                await asyncio.sleep(0.001)

    async def next(self) -> None:
        self._processes.append(PlaneProcess(self.ports))
        self.plane.attach(await self._processes[-1].offer())
        assert self.plane.let_go_of_rest() == 0
        self.plane.resume()

    async def another(self) -> None:
        await self.kill()
        await self.next()

    def open(self, peer: RtpPeer, ear: Ear, keys: Keys | None = None) -> Stream:
        return self.plane.open(
            self.plane.reserve(),
            remote=peer.address,
            codec=Codec.PCMU,
            dtmf_payload_type=101,
            protection=keys,
            listener=ear,
        )

    def end(self) -> None:
        if self.plane.running:
            assert self.plane.health().refused == 0
        self.plane.close()
        for process in self._processes:
            process.__exit__()


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    await scene.start()
    yield scene
    scene.end()


def heard(peer: RtpPeer) -> list[bytes]:
    """What could be heard, frame by frame."""
    peer.all_waiting()
    return [packet.payload for packet in peer.all if not packet.silent]


def frames(content: bytes) -> list[bytes]:
    return [content[at : at + 160] for at in range(0, len(content), 160)]


async def test_a_message_goes_on_where_it_was(scene: Scene, peer: RtpPeer, ear: Ear) -> None:
    stream = scene.open(peer, ear)
    port = stream.port
    message, second = frames(tone(60)), frames(tone(10, seed=2))
    stream.play([Clip(tone(60))], ear.on_played, ear.on_stopped)
    stream.play([Clip(tone(10, seed=2))], ear.on_played, ear.on_stopped)
    await peer.receive_many(20)
    await scene.another()
    await ear.until_played(2)
    said = heard(peer)
    missing = [frame for frame in message if frame not in said]
    assert len(missing) <= 2
    assert [frame for frame in said if frame in message] == sorted(
        (frame for frame in said if frame in message), key=message.index
    )
    assert said[-10:] == second
    assert len(said) == len(set(said)) or len(said) - len(set(said)) <= 1
    assert len({packet.ssrc for packet in peer.all}) == 2
    for before, after in pairwise(peer.all):
        if before.ssrc == after.ssrc:
            assert (after.sequence - before.sequence) % 2**16 == 1
    assert (scene.lost.count, scene.reopened, ear.stopped, stream.port) == (0, 1, 0, port)
    assert stream.stats_now.sent_packets >= len(peer.all) - 1
    stream.close()
    assert (await ear.until_closed()).sent_packets >= len(peer.all) - 1


async def test_what_is_asked_before_its_death_is_seen(
    scene: Scene, peer: RtpPeer, ear: Ear
) -> None:
    """A stream that comes then is one like the others: it plays, and is let into a room."""
    with RtpPeer() as second:
        first = scene.open(peer, ear)
        await peer.receive_any()
        scene._processes[-1].kill()
        late, other = scene.open(second, Ear()), Ear()
        room = scene.plane.open_room()
        room.add(late)
        room.add(first)
        late.play([Clip(tone(5))], other.on_played, other.on_stopped)
        async with asyncio.timeout(PATIENCE_S):
            while scene.plane.running:
                await asyncio.sleep(0.001)
        await scene.next()
        await other.until_played()
        assert heard(second) == frames(tone(5))
        assert len(room) == 2


async def test_what_was_asked_meanwhile(scene: Scene, peer: RtpPeer, ear: Ear) -> None:
    stream = scene.open(peer, ear)
    await peer.receive_any()
    await scene.kill()
    with pytest.raises(NotRunning):
        scene.plane.health()
    stream.play([Clip(tone(5))], ear.on_played, ear.on_stopped)
    stream.stop()
    await ear.until_stopped()
    stream.play([Clip(tone(3)), Clip(tone(4))], ear.on_played)
    stream.send_digits("12", ear.on_played)
    peer.send(event(5, sequence=1, timestamp=160), stream.port)  # it waits in the socket
    await scene.next()
    await ear.until_played(2)
    assert await ear.until_digits(1) == "5"
    assert heard(peer)[:7] == frames(tone(3) + tone(4))
    pressed = [packet.payload[0] for packet in peer.all if packet.payload_type == 101]
    assert sorted(set(pressed)) == [1, 2]


async def test_what_is_cut_off_before_its_death_is_seen(
    scene: Scene, peer: RtpPeer, ear: Ear
) -> None:
    """A loop does not go on for ever in the next one, with a message behind it that never comes."""
    looped = scene.open(peer, ear)
    looped.loop([Clip(tone(5))], ear.on_stopped)
    await peer.receive_many(7)
    scene._processes[-1].kill()
    looped.stop()
    looped.play([Clip(tone(3, seed=2))], ear.on_played)
    async with asyncio.timeout(PATIENCE_S):
        while scene.plane.running:
            await asyncio.sleep(0.001)
    await scene.next()
    await ear.until_played()
    assert ear.stopped == 1
    assert heard(peer)[-3:] == frames(tone(3, seed=2))
    assert not looped.playing


async def test_what_is_cut_off_in_the_very_moment_of_the_next(
    scene: Scene, peer: RtpPeer, ear: Ear
) -> None:
    stream = scene.open(peer, ear)
    stream.loop([Clip(tone(5))], ear.on_stopped)
    await peer.receive_many(7)
    await scene.kill()
    stream.stop()
    stream.play([Clip(tone(3, seed=2))], ear.on_played, lambda: pytest.fail("it was cut off, too"))
    await scene.next()
    await ear.until_played()
    assert ear.stopped == 1
    assert heard(peer)[-3:] == frames(tone(3, seed=2))


async def test_opened_meanwhile(scene: Scene, peer: RtpPeer, ear: Ear) -> None:
    with RtpPeer() as second:
        scene.open(peer, Ear())
        await peer.receive_any()
        await scene.kill()
        stream, closed = scene.open(second, ear), scene.open(second, Ear())
        stream.play([Clip(tone(5))], ear.on_played)
        closed.close()
        assert stream.stats_now.sent_packets == 0
        await scene.next()
        await ear.until_played()
        assert heard(second) == frames(tone(5))
        port, used = stream.port, scene.plane.ports_used
        assert used == 2
        stream.close()
        await ear.until_closed()
        scene.plane.reserve(port).release()


async def test_closed_meanwhile(scene: Scene, peer: RtpPeer, ear: Ear, tmp_path: Path) -> None:
    stream, other = scene.open(peer, ear), scene.open(peer, Ear())
    stream.play([Clip(tone(500))], ear.on_played, ear.on_stopped)
    await peer.receive_many(3)
    await scene.kill()
    stream.close()
    stats = await ear.until_closed()
    assert stats.sent_packets > 0
    assert ear.stopped == 1
    await scene.next()
    async with asyncio.timeout(PATIENCE_S):
        while scene.plane.health().calls != 1:
            await asyncio.sleep(0.01)
    used = scene.plane.ports_used
    other.close()
    async with asyncio.timeout(PATIENCE_S):
        while scene.plane.ports_used == used:
            await asyncio.sleep(0.01)


async def test_a_loop_loops_on(scene: Scene, peer: RtpPeer, ear: Ear) -> None:
    stream = scene.open(peer, ear)
    stream.loop([Clip(tone(5)), Clip(tone(4, seed=2))], ear.on_stopped)
    await peer.receive_many(12)
    await scene.another()
    await peer.receive_many(30)
    once = frames(tone(5) + tone(4, seed=2))
    said = heard(peer)
    for before, after in pairwise(said[-25:]):
        assert once.index(after) == (once.index(before) + 1) % 9
    stream.stop()
    await ear.until_stopped()
    assert not stream.playing


async def test_digits_are_sent_to_their_end(scene: Scene, peer: RtpPeer, ear: Ear) -> None:
    stream = scene.open(peer, ear)
    stream.send_digits("1234567890", ear.on_played)
    async with asyncio.timeout(PATIENCE_S):
        while (await peer.receive()).payload[0] != 4:
            pass
    await scene.another()
    await ear.until_played()
    peer.all_waiting()
    keys = [packet.payload[0] for packet in peer.all if packet.payload_type == 101]
    pressed = [keys[0], *(after for before, after in pairwise(keys) if before != after)]
    assert pressed == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]


async def test_they_hear_each_other_again(scene: Scene) -> None:
    with RtpPeer() as one, RtpPeer() as two, RtpPeer() as three, RtpPeer() as four:
        streams = [scene.open(peer, Ear()) for peer in (one, two, three, four)]
        streams[0].bridge(streams[1])
        room = scene.plane.open_room()
        room.add(streams[2], muted=True)
        room.add(streams[3])
        await one.receive_any()
        await scene.kill()
        other = scene.plane.open_room()
        await scene.next()
        async with (
            one.speaking(streams[0].port),
            three.speaking(streams[2].port),
            four.speaking(streams[3].port),
        ):
            await two.receive_many(30)
            await three.receive()
        assert SPOKEN in heard(two)
        assert not heard(four)  # the other member is muted
        room.mute(streams[2], False)
        room.remove(streams[3])
        other.add(streams[3])


async def test_a_recording_goes_on_in_its_file(
    scene: Scene, peer: RtpPeer, ear: Ear, tmp_path: Path
) -> None:
    stream = scene.open(peer, ear)
    tape = tmp_path / "tape"
    done: asyncio.Future[RecordingStats] = asyncio.get_running_loop().create_future()
    recorder = stream.record(os.open(tape, os.O_CREAT | os.O_WRONLY), done.set_result)
    stream.play([Clip(tone(50))], ear.on_played)
    await ear.until_played()
    async with asyncio.timeout(PATIENCE_S):
        while tape.stat().st_size < SAMPLE_RATE * 2 * 0.8:
            await asyncio.sleep(0.01)
    health = scene.plane.health()
    late_s, skipped = health.late_max_s, health.skipped_rounds
    await scene.another()
    stream.play([Clip(tone(20, seed=2))], ear.on_played)
    first_s, second_s = await ear.until_played(2)
    recorder.stop()
    async with asyncio.timeout(PATIENCE_S):
        stats = await done
    recorded = np.fromfile(tape, np.int16)
    assert stats.error == 0
    place(linear(tone(50)[: 30 * 160], Codec.PCMU), recorded, skipped)
    first = place(linear(tone(50)[29 * 160 : 30 * 160], Codec.PCMU), recorded) + 21 * 160
    health = scene.plane.health()
    place(linear(tone(20, seed=2), Codec.PCMU), recorded, health.skipped_rounds)
    second = place(linear(tone(20, seed=2)[19 * 160 :], Codec.PCMU), recorded) + 160
    # as far as the machine lets the media threads keep time; the second one begins between two frames
    slack_s = 0.1 + late_s + health.late_max_s + skipped * MOST_OF_A_SKIP / SAMPLE_RATE
    assert abs((second - first) / SAMPLE_RATE - (second_s - first_s)) < slack_s
    assert not recorder.going


async def test_a_recording_that_waits_waits_again(
    scene: Scene, peer: RtpPeer, ear: Ear, tmp_path: Path
) -> None:
    """The message is heard on, and the recording begins behind it: it has nothing of it, and no silence."""
    stream = scene.open(peer, ear)
    tape = tmp_path / "tape"
    done: asyncio.Future[RecordingStats] = asyncio.get_running_loop().create_future()
    recorder = stream.record(os.open(tape, os.O_CREAT | os.O_WRONLY), done.set_result, waits=True)
    recorder.begin_behind(number_after(stream.newest_play))
    stream.play([Clip(tone(150))], ear.on_played)
    stream.play([Clip(tone(30, seed=2))], ear.on_played)
    await peer.receive_many(20)
    await scene.another()
    await ear.until_played(2)
    recorder.stop()
    async with asyncio.timeout(PATIENCE_S):
        assert (await done).error == 0
    recorded = np.fromfile(tape, np.int16)
    # the last frame ends after it was told that it has left
    skipped = scene.plane.health().skipped_rounds
    assert place(linear(tone(30, seed=2)[: 28 * 160], Codec.PCMU), recorded, skipped) == 0


async def test_a_recording_that_had_begun_unheard_of_goes_on(
    scene: Scene, peer: RtpPeer, ear: Ear, tmp_path: Path
) -> None:
    """Nobody had said that it began; what is in its file says so."""
    stream = scene.open(peer, ear)
    tape = tmp_path / "tape"
    done: asyncio.Future[RecordingStats] = asyncio.get_running_loop().create_future()
    recorder = stream.record(os.open(tape, os.O_CREAT | os.O_WRONLY), done.set_result, waits=True)
    recorder.begin_behind(number_after(stream.newest_play))
    stream.play([Clip(tone(5))], ear.on_played)
    stream.play([Clip(tone(50, seed=2))], ear.on_played)
    async with asyncio.timeout(PATIENCE_S):
        while tape.stat().st_size < 2 * 160:  # of the first frame
            await asyncio.sleep(0.01)
    await scene.another()
    recorder.begin()
    stream.play([Clip(tone(20, seed=3))], ear.on_played)
    await ear.until_played(3)
    recorder.stop()
    async with asyncio.timeout(PATIENCE_S):
        assert (await done).error == 0
    recorded = np.fromfile(tape, np.int16)
    assert place(linear(tone(50, seed=2)[:160], Codec.PCMU), recorded) == 0
    skipped = scene.plane.health().skipped_rounds
    assert place(linear(tone(20, seed=3)[: 18 * 160], Codec.PCMU), recorded, skipped) > 0


async def test_it_stays_encrypted_and_no_index_is_used_twice(
    scene: Scene, peer: RtpPeer, ear: Ear
) -> None:
    keys = Keys(Key(secrets.token_bytes(30)), Key(secrets.token_bytes(30)))
    cipher = Cipher(keys)
    stream = scene.open(peer, ear, keys)

    async def opened(count: int) -> list[Packet]:
        loop = asyncio.get_running_loop()
        found: list[Packet] = []
        async with asyncio.timeout(PATIENCE_S):
            while len(found) < count:
                found.append(cipher.open(await loop.sock_recv(peer._socket, 2048)))
        return found

    # the peer's numbers wrap, as they do every 22 minutes
    for number in range(65500, 65560):
        peer.send(cipher.seal(rtp(number % 65536, timestamp=160 * number)), stream.port)
        await opened(1)
    async with asyncio.timeout(PATIENCE_S):
        while stream.stats_now.received_packets < 60:
            await asyncio.sleep(0.01)
    before = await opened(5)
    await scene.another()
    stream.play([Clip(tone(5))], ear.on_played)
    peer.send(cipher.seal(event(7, sequence=65561 % 65536, timestamp=160 * 65561)), stream.port)
    assert await ear.until_digits(1) == "7"
    old = {packet.ssrc for packet in before}
    while (await opened(1))[0].ssrc in old:  # what the dead one had sent
        pass
    assert old.isdisjoint(packet.ssrc for packet in await opened(20))
    assert stream.stats_now.unauthentic == 0
    assert ear.rtp_starts == 1


async def test_who_was_not_there_reads_what_the_dead_one_had(
    scene: Scene, peer: RtpPeer, ear: Ear
) -> None:
    """Switch and plane die at once: how far each stream was stands in memory."""
    memory = os.dup(scene.link.memory)
    keys = Keys(Key(secrets.token_bytes(30)), Key(secrets.token_bytes(30)))
    cipher = Cipher(keys)
    stream = scene.open(peer, ear, keys)
    loop = asyncio.get_running_loop()
    stream.play([Clip(tone(3))], ear.on_played)
    stream.play([Clip(tone(500, seed=2))], ear.on_played)
    said = 0
    for number in range(65500, 65560):  # the peer's numbers wrap
        peer.send(cipher.seal(rtp(number % 65536, timestamp=160 * number)), stream.port)
        said += not cipher.open(await loop.sock_recv(peer._socket, 2048)).silent
    async with asyncio.timeout(PATIENCE_S):
        while stream.stats_now.received_packets < 60:
            await asyncio.sleep(0.01)
    port, handle, agreed, pid = stream.port, stream.handle, stream.agreed, scene.plane.pid
    assert agreed is not None
    sent = stream.stats_now.sent_packets
    scene.kill_at_once()
    remains = remains_in([memory])
    reached = remains[pid].of(handle)
    assert reached is not None
    assert (reached.play_id, reached.over, reached.heard_wraps) == (2, 1, 1)
    assert 0 < said - 3 <= reached.progress + 1 < 500, "the last one may not have been counted yet"
    assert reached.signs.heard_s is not None
    plane = await scene.another_switch()
    again = plane.open(
        plane.reserve(port),
        remote=peer.address,
        codec=Codec.PCMU,
        dtmf_payload_type=101,
        protection=keys,
        before=Before(agreed.ssrc, 1, reached),
        listener=ear,
    )
    done = reached.progress
    assert again.play([Clip(tone(500, seed=2))], ear.on_played, done=done) == 2
    assert again.skipped(2) == done
    peer.send(cipher.seal(event(7, sequence=65561 % 65536, timestamp=160 * 65561)), port)
    assert await ear.until_digits(1) == "7"
    packets: list[Packet] = []
    async with asyncio.timeout(PATIENCE_S):
        while not packets or packets[-1].ssrc == agreed.ssrc or packets[-1].silent:
            packets.append(cipher.open(await loop.sock_recv(peer._socket, 2048)))
    assert packets[-1].payload == frames(tone(500, seed=2))[done]
    assert again.stats_now.sent_packets > sent
    assert again.stats_now.unauthentic == 0
    assert remains[pid].of(0) is None
    assert remains[pid].of(2**31) is None
    assert not remains_in([os.open("/dev/null", os.O_RDONLY)])


async def test_what_is_told_counts_on(scene: Scene, peer: RtpPeer, ear: Ear) -> None:
    stream = scene.open(peer, ear)
    numbers: list[int] = []
    scene.plane.on_taken = numbers.append
    for number in range(3):
        peer.send(event(number, sequence=number, timestamp=160 * number), stream.port)
        await ear.until_digits(number + 1)
        await scene.another()
    assert numbers == sorted(set(numbers))
    scene.plane.acknowledge(numbers[-1])
    with pytest.raises(ValueError, match="told"):
        scene.plane.acknowledge(numbers[-1] + 100)


async def test_planes_that_die_again_and_again(scene: Scene, peer: RtpPeer, ear: Ear) -> None:
    now_s = [0.0]
    scene.plane._deaths._clock = lambda: now_s[0]
    scene.open(peer, ear)
    for _ in range(3):
        await peer.receive_any()
        await scene.another()
    assert scene.lost.count == 0
    await scene.kill()
    await scene.lost.told()
    await ear.until_closed()
    assert scene.plane.ports_used == 0
    await scene.next()
    assert scene.plane.health().calls == 0


async def test_the_port_is_somebody_elses(scene: Scene, peer: RtpPeer, ear: Ear) -> None:
    other = Ear()
    stream, kept = scene.open(peer, ear), scene.open(peer, other)
    await peer.receive_any()
    await scene.kill()
    outlived = scene.plane._outlived[stream]
    outlived.let_go()
    scene.plane._outlived[stream] = outlived._replace(pair=None)
    scene.plane.held.leave()
    with RtpPeer() as thief:
        thief._socket.close()
        thief._socket = scene.plane._hosts[0].bind(stream.port)  # type: ignore[assignment]
        try:
            await scene.next()
        finally:
            os.close(thief._socket)  # type: ignore[arg-type]
            thief._socket = thief._above
    await scene.lost.told()
    assert ear.stats is not None
    assert other.stats is None
    assert kept.is_open


async def test_what_the_switch_had_adopted(
    scene: Scene, peer: RtpPeer, ear: Ear, tmp_path: Path
) -> None:
    """It does not know what plays: who adopted it is told how far it was, and plays it on."""
    tape = tmp_path / "tape"
    stream = scene.open(peer, ear)
    stream.record(os.open(tape, os.O_CREAT | os.O_WRONLY), lambda _: None, tag=5)
    stream.play([Clip(tone(500))], ear.on_played)
    await peer.receive_many(5)
    agreed = stream.agreed
    scene.plane.detach()
    plane = scene.plane = MediaPlane(host="127.0.0.1", ports=scene.ports)
    plane.start(asyncio.get_running_loop(), await scene.offer(), on_lost=scene.lost)
    found = plane.found()[stream.port]
    adopted = plane.adopt(
        found, codec=Codec.PCMU, dtmf_payload_type=101, listener=ear, agreed=agreed
    )
    done: asyncio.Future[RecordingStats] = asyncio.get_running_loop().create_future()
    spool = os.open(tape, os.O_WRONLY | os.O_APPEND)
    recorder = adopted.adopt_recording(5, done.set_result, spool=spool)

    lost: list[tuple[int, int]] = []

    def play_on(play_id: int, progress: int) -> None:
        lost.append((play_id, progress))
        adopted.play([Clip(tone(6))], ear.on_played, done=3)

    adopted.adopt_play(1, ear.on_played, on_lost=play_on)
    plane.resume()
    await scene.another()
    await ear.until_played()
    assert heard(peer)[-3:] == frames(tone(6))[3:]
    [(play_id, progress)] = lost
    assert play_id == 1
    assert abs(progress - (len(heard(peer)) - 3)) <= 2
    assert adopted.skipped(2) == 0  # it is over
    recorder.stop()
    async with asyncio.timeout(PATIENCE_S):
        assert (await done).error == 0
    skipped = scene.plane.health().skipped_rounds
    place(linear(tone(6)[3 * 160 :], Codec.PCMU), np.fromfile(tape, np.int16), skipped)


def ports_held(scene: Scene) -> list[int]:
    """The ports of calls that this process has sockets of."""
    held = []
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(entry.name))) as one:
            if one.family == socket.AF_INET and one.getsockname()[1] in scene.ports:
                held.append(one.getsockname()[1])
    return held


@pytest.mark.parametrize("where", ["before", "rtcp", "after"])
async def test_the_next_one_dies_while_streams_are_opened_in_it(
    scene: Scene, peer: RtpPeer, ear: Ear, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them go on in the one after it, and no descriptor is left over."""
    other = Ear()
    with RtpPeer() as second, RtpPeer() as third:
        streams = [scene.open(each, it) for each, it in ((peer, ear), (second, other))]
        waiting = scene.open(third, Ear())
        streams[0].play([Clip(tone(60))], ear.on_played, ear.on_stopped)
        streams[1].loop([Clip(tone(5, seed=2))])
        await peer.receive_many(20)
        await scene.kill()
        reopened, start_rtcp = RevivingPlane._reopened, Stream.start_rtcp
        calls = 0

        def dies(then: Callable[..., Any]) -> Callable[..., Any]:
            def dying(*given: Any, **named: Any) -> Any:
                nonlocal calls
                calls += 1
                if calls == 2:
                    scene._processes[-1].kill()
                return then(*given, **named)

            return dying

        if where == "before":
            monkeypatch.setattr(RevivingPlane, "_reopened", dies(reopened))
        elif where == "rtcp":
            monkeypatch.setattr(Stream, "start_rtcp", dies(start_rtcp))
        await scene.next()
        if where == "after":
            scene._processes[-1].kill()
        async with asyncio.timeout(PATIENCE_S):
            while scene.plane.running:
                await asyncio.sleep(0.001)
        monkeypatch.undo()
        await scene.next()
        await ear.until_played()
        said, message = heard(peer), frames(tone(60))
        assert len([frame for frame in message if frame not in said]) <= 2
        await second.receive_many(5)
        await third.receive_any()
        assert waiting.is_open
        assert scene.plane.health().calls == 3
        open_ports = [stream.port for stream in (*streams, waiting)]
        assert sorted(ports_held(scene)) == sorted(
            [*open_ports, *(port + 1 for port in open_ports)]
        )
        assert scene.lost.count == 0


async def test_two_planes_die_within_one_round_of_a_loop(
    scene: Scene, peer: RtpPeer, ear: Ear
) -> None:
    stream = scene.open(peer, ear)
    stream.loop([Clip(tone(300))], ear.on_stopped)
    stream.play([Clip(tone(5))], ear.on_played, ear.on_stopped)
    for _ in range(3):
        await peer.receive_many(5)
        await scene.another()
    await peer.receive_many(5)
    assert stream.playing
    stream.stop()
    await ear.until_stopped(2)
    assert not ear.played
