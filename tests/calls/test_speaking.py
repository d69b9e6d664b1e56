"""A message whose end is made while its beginning plays."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from structlog.testing import capture_logs

from onhook.calls.speaking import PreparedMessage, Speaking
from onhook.media.errors import StreamClosed
from onhook.media.frame_file import LAWS, FrameFile
from onhook.media.play_queue import OnPlayed, OnStopped, Playable
from onhook.speech.errors import CannotConvertText


class Bit:
    """A prompt with a name."""

    file = FrameFile.of(*(bytes([codec.silence]) * 160 for codec in LAWS))
    first = 0
    frame_count = 1

    def __init__(self, name: str) -> None:
        self.name = name


class Stream:
    """Media that plays when the test says so."""

    def __init__(self) -> None:
        self.queue: list[tuple[str, OnPlayed, OnStopped | None]] = []
        self.heard = ""
        self.closed = False
        self.stops = 0
        self.last_id = 0

    def play(
        self,
        prompts: Sequence[Playable],
        on_played: OnPlayed,
        on_stopped: OnStopped | None = None,
        *,
        done: int = 0,
        tag: int = 0,
    ) -> int:
        if self.closed:
            raise StreamClosed("closed")
        names = "".join(prompt.name for prompt in prompts if isinstance(prompt, Bit))
        self.queue.append((names, on_played, on_stopped))
        self.last_id += 1
        return self.last_id

    def stop(self) -> None:
        self.stops += 1
        queue, self.queue = self.queue, []
        for _, _, on_stopped in queue:
            if on_stopped is not None:
                on_stopped()

    def play_on(self, at_s: float = 0.0) -> None:
        """One message of the queue leaves."""
        names, on_played, _ = self.queue.pop(0)
        self.heard += names
        on_played(at_s)


class Rest:
    """What the test puts in comes out."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[str | Exception | None] = asyncio.Queue()
        self.closed = False

    async def ready(self, *items: str | Exception | None) -> None:
        """These are ready, and whoever waits for them has taken them; None is the end."""
        for item in items:
            self._queue.put_nowait(item)
        for _ in range(5):
            await asyncio.sleep(0)

    def __aiter__(self) -> AsyncIterator[Sequence[Playable]]:
        return self._items()

    async def _items(self) -> AsyncIterator[Sequence[Playable]]:
        while (item := await self._queue.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield [Bit(name) for name in item]

    def close(self) -> None:
        self.closed = True


class Told:
    """What is told of a message."""

    def __init__(self, stream: Stream, rest: Rest | None, first: str = "a") -> None:
        self.events: list[float | Exception] = []
        message = PreparedMessage([Bit(name) for name in first], rest)
        self.speaking = Speaking(stream, message, self.events.append, self.events.append)


async def test_a_message_that_is_all_there() -> None:
    stream = Stream()
    told = Told(stream, None, "ab")
    assert told.events == []
    stream.play_on(3.5)
    assert (stream.heard, told.events) == ("ab", [3.5])


async def test_what_follows_is_queued_before_what_plays_is_over() -> None:
    stream, rest = Stream(), Rest()
    told = Told(stream, rest)
    await rest.ready("b", "cd")
    assert [names for names, *_ in stream.queue] == ["a", "b", "cd"]
    for at_s in (1.0, 2.0, 3.0):
        stream.play_on(at_s)
    assert told.events == []  # there may be more
    await rest.ready(None)
    assert (stream.heard, told.events) == ("abcd", [3.0])


async def test_a_part_that_is_late_is_still_heard() -> None:
    stream, rest = Stream(), Rest()
    told = Told(stream, rest)
    stream.play_on(1.0)
    assert told.events == []
    await rest.ready("b", None)
    assert told.events == []
    stream.play_on(2.0)
    assert (stream.heard, told.events) == ("ab", [2.0])


async def test_what_was_ready_is_heard_before_a_failure_is_told() -> None:
    stream, rest = Stream(), Rest()
    told = Told(stream, rest)
    error = CannotConvertText("too bad")
    with capture_logs() as logs:
        await rest.ready("b", error)
    assert [line["event"] for line in logs] == ["message_incomplete"]
    stream.play_on(1.0)
    assert told.events == []
    stream.play_on(2.0)
    assert (stream.heard, told.events) == ("ab", [error])


async def test_what_is_no_fault_of_the_message_is_logged_whole() -> None:
    stream, rest = Stream(), Rest()
    told = Told(stream, rest)
    error = OSError("no space left on device")
    with capture_logs() as logs:
        await rest.ready(error)
    assert [(line["event"], line["log_level"]) for line in logs] == [("message_broken", "error")]
    stream.play_on(1.0)
    assert told.events == [error]


async def test_after_a_stop_nothing_is_told_or_played() -> None:
    stream, rest = Stream(), Rest()
    told = Told(stream, rest)
    told.speaking.stop()
    await rest.ready("b", None)
    assert (stream.stops, stream.queue, told.events) == (1, [], [])
    assert rest.closed


async def test_a_stream_that_others_stop() -> None:
    stream, rest = Stream(), Rest()
    told = Told(stream, rest)
    stream.stop()
    await rest.ready("b", None)
    assert (stream.queue, told.events, rest.closed) == ([], [], True)


async def test_a_call_that_is_gone_meanwhile() -> None:
    stream, rest = Stream(), Rest()
    told = Told(stream, rest)
    stream.closed = True
    with capture_logs() as logs:
        await rest.ready("b", None)
    assert (told.events, rest.closed, logs) == ([], True, [])


async def test_a_message_that_will_not_be_played() -> None:
    rest = Rest()
    PreparedMessage([Bit("a")], rest).close()
    PreparedMessage([Bit("a")]).close()
    assert rest.closed
