"""What is said, repeated and beeped in a call, as one thing for whoever waits for its end."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any, cast

import pytest

from calls.test_speaking import Bit, Rest, Stream
from onhook.calls.call_media import CallMedia
from onhook.calls.playing import Playing, Sort
from onhook.calls.resources import Resources
from onhook.calls.speaking import PreparedMessage
from onhook.media import sounds
from onhook.media.play_queue import Playable, number_after
from onhook.media.stream import Latching
from onhook.phone.sdp import NOBODY, RemoteMedia, SdpCodec
from onhook.speech.errors import CannotConvertText


class Agreeing(Stream):
    """Media that something is agreed on with, and says what."""

    def __init__(self) -> None:
        super().__init__()
        self.reports: list[bool] = []
        self.told: list[object] = []

    def agree(self, *_: object, sends_reports: bool, **__: object) -> None:
        self.reports.append(sends_reports)

    def latch(self, _latching: Latching) -> None:
        """Nothing of interest here."""

    def set_remote(self, remote: tuple[str, int]) -> None:
        self.told.append(remote)

    def set_rtcp(self, remote: tuple[str, int] | None, *, mux: bool) -> None:
        self.told.append(remote)


@pytest.mark.parametrize(("ip", "port"), [(NOBODY, 0), (NOBODY, 4000)])
def test_who_names_no_address_is_sent_no_reports_either(ip: str, port: int) -> None:
    """`m=audio 0`, and 0.0.0.0 (RFC 3264 5.1, 6); until it names one again."""
    media = CallMedia(cast(Any, None), cast(Any, None), cast(Any, None))
    stream = Agreeing()
    media.stream = cast(Any, stream)
    media.move(RemoteMedia(ip, port, (SdpCodec.PCMU,)), Latching())
    assert (stream.reports, stream.told) == ([False], [])
    media.move(RemoteMedia("192.0.2.7", 4000, (SdpCodec.PCMU,)), Latching())
    assert (stream.reports, stream.told) == ([False, True], [("192.0.2.7", 4000), None])


class Looping(Stream):
    """Media that can repeat, and says what."""

    def __init__(self) -> None:
        super().__init__()
        self.looped: list[Sequence[Playable]] = []

    def loop(self, prompts: Sequence[Playable], *, done: int = 0, tag: int) -> int:
        self.looped.append(prompts)
        self.last_id += 1
        return self.last_id


def made() -> tuple[CallMedia, Looping]:
    media = CallMedia(cast(Any, None), cast(Any, None), cast(Any, None))
    stream = Looping()
    media.stream = cast(Any, stream)
    return media, stream


def names(prompts: Sequence[Playable]) -> str:
    return "".join(prompt.name for prompt in prompts if isinstance(prompt, Bit))


async def test_a_hold_message_is_repeated() -> None:
    media, stream = made()
    media.player.loop_message(1, Resources(PreparedMessage([Bit("a"), Bit("b")])))
    assert [names(prompts) for prompts in stream.looped] == ["ab"]


async def test_without_one_there_is_music() -> None:
    media, stream = made()
    media.player.loop_message(1, Resources())
    assert stream.looped == [(sounds.hold_music(),)]


async def test_what_is_not_ready_to_its_end_is_said_once_first() -> None:
    media, stream = made()
    rest = Rest()
    media.player.loop_message(1, Resources(PreparedMessage([Bit("a")], rest)))
    await rest.ready("b", None)
    stream.play_on()
    assert stream.looped == []
    stream.play_on()
    assert [names(prompts) for prompts in stream.looped] == ["ab"]


async def test_music_follows_a_hold_message_whose_end_cannot_be_made() -> None:
    media, stream = made()
    rest = Rest()
    media.player.loop_message(1, Resources(PreparedMessage([Bit("a")], rest)))
    await rest.ready(CannotConvertText("no"))
    stream.play_on()
    assert stream.heard == "a"
    assert stream.looped == [(sounds.hold_music(),)]


class Numbering(Looping):
    """Media that gives numbers as a stream does."""

    def play(self, *asked: Any, done: int = 0, tag: int = 0) -> int:
        number = number_after(self.last_id, tag)
        super().play(*asked, done=done, tag=tag)
        self.last_id = number
        return number

    @property
    def newest_play(self) -> int:
        return self.last_id


@pytest.mark.parametrize(("message", "beep"), [("ab", False), ("ab", True), ("", True)])
async def test_the_last_is_known_before_it_is_asked_for(message: str, beep: bool) -> None:
    """So a recording can be told to begin behind it, whoever dies in between."""
    media, stream = CallMedia(cast(Any, None), cast(Any, None), cast(Any, None)), Numbering()
    media.stream = cast(Any, stream)
    what = Resources(PreparedMessage([Bit(name) for name in message]))
    told: list[int] = []

    def on_last(number: int) -> None:
        assert number > stream.last_id, "it was asked for before"
        told.append(number)

    media.player.say(1, what, lambda _: None, lambda: None, beep=beep, on_last=on_last)
    if message and beep:
        assert told == []
        stream.play_on()
    assert told == [stream.last_id]


async def test_the_last_of_what_is_being_made_is_known_once_all_is_there() -> None:
    media, stream = CallMedia(cast(Any, None), cast(Any, None), cast(Any, None)), Numbering()
    media.stream = cast(Any, stream)
    rest, told = Rest(), list[int]()
    what = Resources(PreparedMessage([Bit("a")], rest))
    media.player.say(1, what, lambda _: None, lambda: None, on_last=told.append)
    await rest.ready("b")
    assert told == []
    await rest.ready(None)
    assert told == [stream.last_id]


@pytest.mark.parametrize("beep", [False, True])
@pytest.mark.parametrize("message", ["", "ab"])
async def test_a_message_and_a_beep_are_one(message: str, beep: bool) -> None:
    """Its end is told once, when the last of it was heard; also where there is nothing to be heard."""
    media, stream = made()
    said: list[float] = []
    what = Resources(PreparedMessage([Bit(name) for name in message]))
    media.player.say(1, what, said.append, lambda: None, beep=beep)
    pieces = bool(message) + beep
    for number in range(pieces):
        assert said == []
        stream.play_on(at_s=float(number + 1))
    await asyncio.sleep(0)
    assert len(said) == 1
    assert not pieces or said == [float(pieces)]
    assert stream.heard == message
    assert names(what.message.first) == message, "it can be said again"


async def test_what_plays_is_known_by_the_number_of_its_last_part() -> None:
    media, stream = made()
    rest, changes = Rest(), list[Playing | None]()
    media.player._on_change = lambda: changes.append(media.player.playing)
    what = Resources(PreparedMessage([Bit("a")], rest))
    media.player.say(7, what, lambda _: None, lambda: None, beep=True)
    assert media.player.playing == Playing(Sort.SAY, 7, 1, beep=True, rest=True)
    await rest.ready("b", None)
    assert media.player.playing == Playing(Sort.SAY, 7, 2, beep=True, parts=(1, 1))
    stream.play_on()
    stream.play_on()
    assert media.player.playing == Playing(Sort.BEEP, 7, 3)
    assert changes[-1] == media.player.playing
    stream.play_on()
    assert media.player.playing is None


async def test_a_hold_message_that_is_made_while_it_is_said_is_going_to_be_repeated() -> None:
    media, stream = made()
    rest = Rest()
    media.player.loop_message(7, Resources(PreparedMessage([Bit("a")], rest)))
    assert media.player.playing == Playing(Sort.SAY, 7, 1, rest=True, loops=True)
    await rest.ready(None)
    stream.play_on()
    assert media.player.playing == Playing(Sort.LOOP, 7, 2)


@pytest.mark.parametrize("playing", [
    Playing(Sort.SAY, 3, 5, beep=True), Playing(Sort.LOOP, 1, 2), Playing(Sort.RING_BACK, id=1),
    Playing(Sort.SAY, 3, 5, rest=True, loops=True), Playing(Sort.SAY, 3),
])  # fmt: skip
def test_what_plays_is_read_as_it_was_written(playing: Playing) -> None:
    assert Playing.of(json.loads(json.dumps(playing.as_dict()))) == playing
