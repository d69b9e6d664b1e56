"""What plays in a leg, as its trace says it: what it is, how much of it was sent, no text unless allowed."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import pytest

from onhook.calls import clock
from onhook.calls.leg_trace import LegTrace
from onhook.calls.player import Player
from onhook.calls.playing import Playing, Sort
from onhook.calls.resources import Resources
from onhook.calls.speaking import PreparedMessage
from onhook.media import Prompt
from onhook.media.found import FoundStream
from onhook.message import Fetch, Gender, Say

SPEECH = Say("Your code is 1234", "en", Gender.FEMALE)
FILE = Fetch("https://example.com/a.wav?key=secret")


TWO_SECONDS = Prompt.of(np.zeros(16_000, np.int16))


class Stream:
    """Plays at the test's word."""

    is_open = True

    def __init__(self) -> None:
        self.played: list[Callable[[float], None]] = []

    def play(
        self, prompts: Sequence[object], on_played: Any, on_stopped: Any = None, **_: object
    ) -> int:
        self.played.append(on_played)
        return len(self.played)

    def loop(self, prompts: Sequence[object], **_: object) -> int:
        return self.play(prompts, lambda _: None)

    def send_digits(self, digits: str, on_sent: Callable[[float], None], **_: object) -> int:
        return self.play(digits, on_sent)

    def adopt_play(self, play_id: int, on_played: Any, *_: object, **__: object) -> None:
        self.played.append(on_played)

    def stop(self) -> None:
        """Nobody waits for it here."""


class Kept:
    """What a trace has."""

    def __init__(self, *, private: bool = False) -> None:
        self.private = private
        self.said: list[str] = []
        self.stream = Stream()
        self.player = Player(lambda: None, LegTrace(cast(Any, self), "S1"))
        self.player.stream = cast(Any, self.stream)

    def noted(self, session: str, kind: str, said: str | Callable[[], str]) -> None:
        assert (session, kind) == ("S1", "played")
        self.said.append(said if isinstance(said, str) else said())

    def say(self, *message: Say | Fetch, beep: bool = False) -> None:
        what = Resources(PreparedMessage((TWO_SECONDS,), source=message))
        self.player.say(1, what, lambda _: None, lambda: None, beep=beep)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    time = [100.0]
    monkeypatch.setattr(clock, "now_s", lambda: time[0])
    return time


async def test_a_message_and_its_beep_are_heard_to_their_end() -> None:
    kept = Kept()
    kept.say(SPEECH, FILE, beep=True)
    kept.stream.played[0](1.0)
    kept.stream.played[1](1.0)
    assert kept.said == [
        "plays speech (en, female), a file, 2.0 s",
        "heard to its end (2.0 s)",
        "plays a beep, 0.2 s",
        "heard to its end (0.2 s)",
    ]


async def test_what_is_cut_off_says_how_much_of_it_was_sent(now: list[float]) -> None:
    kept = Kept()
    kept.say(FILE)
    now[0] += 0.7
    kept.player.stop_playing()
    kept.player.stop_playing()
    assert kept.said == ["plays a file, 2.0 s", "cut off after 0.7 s of 2.0 s"]


async def test_what_is_repeated_has_no_end_but_the_cut(now: list[float]) -> None:
    kept = Kept()
    kept.player.loop_message(1, Resources())
    now[0] += 30
    kept.player.stop_playing()
    kept.player.ring_back()
    now[0] += 3
    kept.player.forget()
    assert kept.said == [
        "plays music",
        "cut off after 30.0 s",
        "plays ring back",
        "cut off after 3.0 s",
    ]


async def test_texts_urls_and_keys_are_kept_where_that_is_allowed() -> None:
    kept, open_ = Kept(), Kept(private=True)
    for one in (kept, open_):
        one.say(SPEECH, FILE)
        one.player.send_digits(1, "12#", lambda _: None)
    assert "1234" not in str(kept.said)
    assert "secret" not in str(kept.said)
    assert kept.said[-1] == "plays the keys •••"
    assert f'speech (en, female) "{SPEECH.text}", a file "{FILE.url}"' in open_.said[0]
    assert open_.said[-1] == "plays the keys 12#"


async def test_of_what_an_earlier_process_began_only_the_end_is_known() -> None:
    kept = Kept()
    playing = Playing(Sort.BEEP, 1, 1)
    kept.player.take_over(playing, lambda _: None, FoundStream(20000, 1, 1))
    kept.stream.played[0](1.0)
    assert kept.said == ["heard to its end"]


async def test_without_a_stream_nothing_plays() -> None:
    kept = Kept()
    kept.player.stream = None
    kept.say(SPEECH)
    kept.player.ring_back()
    assert kept.said == []
