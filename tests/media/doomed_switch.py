"""A switch that is to be killed, as a program: it opens streams in a plane of another process, does with
them what it is told, says so, and waits.

It reads a line of JSON, `{"ports": [first, last], "streams": [{"peer": [ip, port], "keys": [...], "do":
[...]}]}`, and answers with one, `{"ports": [...]}`, when all are open, and with another, `{}`, once the
plane has done all of it. Whatever is told it takes, and acknowledges nothing but what it is asked to.
"""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from onhook.media._plane import lib

from media.followed import Followed
from media.rtp_peer import Clip, Ear, tone
from media.test_srtp import Key, Keys
from onhook.media import Codec, MediaPlane, Stream
from onhook.media.link import PlaneLink
from onhook.media.play_queue import number_after


def keys_of(told: Sequence[str] | None) -> Keys | None:
    """Of the masters of both directions, in hexadecimal digits."""
    if not told:
        return None
    send, receive = (Key(bytes.fromhex(each)) for each in told)
    return Keys(send, receive)


class Doomed:
    """What it can be told to do."""

    def __init__(self, plane: MediaPlane) -> None:
        self._plane = plane
        self._ears: dict[Stream, Ear] = {}
        self._streams: list[Stream] = []
        plane.on_taken = lambda _: None

    def open(self, peer: Sequence[Any], keys: Sequence[str] | None) -> Stream:
        ear = Ear()
        stream = self._plane.open(
            self._plane.reserve(),
            remote=(peer[0], peer[1]),
            codec=Codec.PCMU,
            dtmf_payload_type=101,
            protection=keys_of(keys),
            listener=ear,
        )
        self._ears[stream] = ear
        self._streams.append(stream)
        return stream

    async def do(self, stream: Stream, what: str, *how: Any) -> None:
        await getattr(self, f"_{what}")(stream, *how)

    async def _play(self, stream: Stream, *counts: int) -> None:
        ear = self._ears[stream]
        stream.play(
            [Clip(tone(count, seed=count)) for count in counts], ear.on_played, ear.on_stopped
        )

    async def _loop(self, stream: Stream, count: int) -> None:
        stream.loop([Clip(tone(count, seed=count))])

    async def _digits(self, stream: Stream, digits: str) -> None:
        stream.send_digits(digits, self._ears[stream].on_played)

    async def _hear(self, stream: Stream, count: int) -> None:
        """Until so many keys were told."""
        await self._ears[stream].until_digits(count)

    async def _played(self, stream: Stream, count: int) -> None:
        await self._ears[stream].until_played(count)

    async def _acknowledge(self, _: Stream) -> None:
        """What was told until now."""
        self._plane.acknowledge(self._plane.event_at_hand)

    async def _record(self, stream: Stream, path: str, tag: int) -> None:
        stream.record(os.open(path, os.O_CREAT | os.O_WRONLY), lambda _: None, tag=tag)

    async def _prepare_recording(self, stream: Stream, path: str, tag: int) -> None:
        """It is to begin behind the next message."""
        spool = os.open(path, os.O_CREAT | os.O_WRONLY)
        recorder = stream.record(spool, lambda _: None, tag=tag, waits=True)
        recorder.begin_behind(number_after(stream.newest_play))

    async def _stop_recording(self, stream: Stream) -> None:
        for recorder in stream._recorders:
            recorder.stop()

    async def _bridge(self, stream: Stream, other: int) -> None:
        stream.bridge(self._streams[other])

    async def _room(self, _: Stream, *members: int) -> None:
        room = self._plane.open_room()
        self._kept = room
        for each in members:
            room.add(self._streams[each])

    async def _close(self, stream: Stream) -> None:
        stream.close()

    async def _half_a_message(self, stream: Stream, count: int, seen: bool) -> None:
        """Its last piece never comes; the plane has seen the first or not."""
        self._clip = clip = Clip(tone(count, seed=count))
        handle = self._plane._files.handle_of(clip.file)
        self._plane._ask(lib.plane_play, stream._handle, 77, handle, 0, clip.frame_count, False)
        if seen:
            self._plane._ask(lib.plane_mute, stream._handle, 0)


async def main() -> None:
    told = json.loads(sys.stdin.readline())
    plane = Followed(host="127.0.0.1", ports=range(*told["ports"]))
    link = PlaneLink.of([int(each) for each in sys.argv[1:]])
    plane.start(asyncio.get_running_loop(), link)
    plane.resume()
    doomed = Doomed(plane)
    streams = [doomed.open(each["peer"], each.get("keys")) for each in told["streams"]]
    print(json.dumps({"ports": [stream.port for stream in streams]}), flush=True)
    for stream, each in zip(streams, told["streams"], strict=True):
        for what, *how in each["do"]:
            await doomed.do(stream, what, *how)
    print(json.dumps({}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
