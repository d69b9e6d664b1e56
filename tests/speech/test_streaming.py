"""A long message begins to play before it is all there."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence

import numpy as np
import pytest

from onhook.speech.downloads.downloads import Downloads
from onhook.speech.errors import CannotConvertText, FileNotDownloaded, MessageError
from onhook.speech.fetch import FetchFailed
from onhook.speech.renderer import SHORT, Renderer
from onhook.speech.rendering import FollowingPrompts, Rendering
from onhook.speech.voices import Catalogue, Gender, Sound
from speech.doubles import Opened, Shelf, Web, wav

PLENTY_S = 60.0
SENTENCE = "This is a sentence that is long enough."
LONG = " ".join([SENTENCE] * 5)
SENTENCE_MS = 1500


class Slow:
    """A voice of a second and a half a sentence, each of which waits to be let through.

    "oops" it cannot say.
    """

    engine, version, name, language, gender = "slow", "1", "test", "en-US", Gender.FEMALE

    def __init__(self) -> None:
        self.allowed = threading.Semaphore(0)
        self.spoken: list[str] = []

    def warm(self) -> None:
        pass

    def synthesise(self, text: str) -> Iterator[Sound]:
        for number, sentence in enumerate(text.split(". ")):
            assert self.allowed.acquire(timeout=30)
            self.spoken.append(sentence)
            if "oops" in sentence:
                raise CannotConvertText("no oops")
            time_s = np.arange(SENTENCE_MS * 24) / 24_000
            tone = 0.1 * np.sin(2 * np.pi * (300 + 100 * number) * time_s)
            yield Sound(tone.astype(np.float32), 24_000)

    def let(self, sentences: int) -> None:
        self.allowed.release(sentences)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def web() -> Web:
    return Web()


@pytest.fixture
def voice() -> Iterator[Slow]:
    voice = Slow()
    yield voice
    voice.let(1000)


@pytest.fixture
async def renderer(shelf: Shelf, web: Web, voice: Slow) -> AsyncIterator[Renderer[Opened]]:
    renderer: Renderer[Opened] = Renderer(
        catalogue=Catalogue([voice]), store=shelf, downloads=Downloads(shelf, web)
    )
    yield renderer
    voice.let(1000)
    await renderer.close()


async def begin(
    renderer: Renderer[Opened], msg: str, deadline_s: float = PLENTY_S
) -> Rendering[Opened]:
    return await renderer.begin(renderer.check(msg), deadline_s=deadline_s)


def rest_of(rendering: Rendering[Opened]) -> FollowingPrompts[Opened]:
    assert rendering.rest is not None
    return rendering.rest


async def remaining(rendering: Rendering[Opened]) -> list[Opened]:
    return [prompt async for prompts in rest_of(rendering) for prompt in prompts]


def joined(prompts: Sequence[Opened]) -> list[int]:
    return [int(sample) for prompt in prompts for sample in prompt.pcm]


def played_ms(prompts: Sequence[Opened]) -> float:
    return len(joined(prompts)) / 8


async def test_the_first_sentence_is_enough(renderer: Renderer[Opened], voice: Slow) -> None:
    voice.let(1)
    rendering = await begin(renderer, LONG)
    assert len(voice.spoken) == 1
    (first,) = rendering.first
    assert SENTENCE_MS - 100 < first.duration_ms < SENTENCE_MS  # the resampler lags behind
    assert len(first.pcm) % 160 == 0
    voice.let(1)
    (second,) = await anext(rest_of(rendering))
    assert abs(second.duration_ms - SENTENCE_MS) <= 100
    voice.let(10)
    others = await remaining(rendering)
    assert played_ms([first, second, *others]) == 5 * SENTENCE_MS


async def test_the_pieces_are_one_sound_without_a_seam(
    renderer: Renderer[Opened], voice: Slow, shelf: Shelf
) -> None:
    voice.let(10)
    rendering = await begin(renderer, LONG)
    pieces = [*rendering.first, *await remaining(rendering)]
    assert all(len(piece.pcm) % 160 == 0 for piece in pieces[:-1])
    (kept,) = shelf.kept.values()
    np.testing.assert_allclose(joined(pieces), kept, atol=300)  # at most by half a decibel
    steps = np.abs(np.diff(joined(pieces)))
    assert steps.max() < 3000
    assert joined(pieces)[0] == joined(pieces)[-1] == 0


async def test_once_through_it_is_kept_whole(
    renderer: Renderer[Opened], voice: Slow, shelf: Shelf, web: Web
) -> None:
    voice.let(10)
    await remaining(await begin(renderer, LONG))
    again = await begin(renderer, LONG)
    assert again.rest is None
    assert len(again.first) == 1
    assert len(voice.spoken) == 5
    restarted: Renderer[Opened] = Renderer(
        catalogue=Catalogue([voice]), store=shelf, downloads=Downloads(shelf, web)
    )
    rendered = await restarted.render(renderer.check(LONG), deadline_s=PLENTY_S)
    assert joined(rendered.prompts) == joined(again.first)
    assert (await begin(restarted, LONG)).rest is None
    assert len(voice.spoken) == 5
    await restarted.close()


async def test_a_short_message_is_made_whole(renderer: Renderer[Opened], voice: Slow) -> None:
    voice.let(2)
    rendering = await begin(renderer, f"{SENTENCE} {SENTENCE}")
    assert rendering.rest is None
    assert len(voice.spoken) == 2


async def test_what_is_known_does_not_count_as_long(
    renderer: Renderer[Opened], voice: Slow
) -> None:
    voice.let(10)
    await remaining(await begin(renderer, LONG))
    rendering = await begin(renderer, f"<speech>{LONG}</speech><speech>Now this.</speech>")
    assert rendering.rest is None
    assert len(rendering.first) == 2


async def test_nobody_has_to_ask_for_the_rest(
    renderer: Renderer[Opened], voice: Slow, shelf: Shelf
) -> None:
    voice.let(10)
    rendering = await begin(renderer, LONG)
    async with asyncio.timeout(30):
        while not shelf.saved:
            await asyncio.sleep(0.001)
    assert played_ms([*rendering.first, *await remaining(rendering)]) == 5 * SENTENCE_MS


async def test_the_order_of_the_message_is_kept(
    renderer: Renderer[Opened], voice: Slow, web: Web
) -> None:
    web.files = {"http://a/1.wav": wav(0.1, 0.2), "http://a/2.wav": wav(0.1, 0.3)}
    voice.let(1)
    msg = f"<url>http://a/1.wav</url>{LONG}<url>http://a/2.wav</url>Good bye."
    rendering = await begin(renderer, msg)
    assert rendering.first[0].duration_ms == 200
    assert len(rendering.first) == 2
    assert web.asked == ["http://a/1.wav", "http://a/2.wav"]
    voice.let(10)
    rest = await remaining(rendering)
    at = [prompt.duration_ms for prompt in rest].index(300)
    assert played_ms(rest[at + 1 :]) == SENTENCE_MS
    assert played_ms([*rendering.first, *rest]) == 200 + 5 * SENTENCE_MS + 300 + SENTENCE_MS


async def test_every_recording_is_there_before_anything_plays(
    renderer: Renderer[Opened], voice: Slow, web: Web
) -> None:
    gate = asyncio.Event()
    web.files = {"http://a/1.wav": gate, "http://a/1.wav#then": FetchFailed("The server said 404.")}
    voice.let(10)
    beginning = asyncio.create_task(begin(renderer, f"{LONG}<url>http://a/1.wav</url>"))
    await web.noted(web.asked)
    gate.set()
    with pytest.raises(FileNotDownloaded):
        await beginning


async def test_the_first_piece_decides(renderer: Renderer[Opened], voice: Slow) -> None:
    voice.let(10)
    with pytest.raises(CannotConvertText):
        await begin(renderer, f"oops this is. {LONG}")


async def test_a_later_failure_comes_after_what_was_ready(
    renderer: Renderer[Opened], voice: Slow, shelf: Shelf
) -> None:
    voice.let(1)
    rendering = await begin(renderer, f"{LONG} And oops.")
    voice.let(20)
    heard: list[Opened] = []
    with pytest.raises(MessageError):
        async for prompts in rest_of(rendering):
            heard += prompts
    assert played_ms(heard) > 3.9 * SENTENCE_MS
    assert not shelf.saved
    with pytest.raises(CannotConvertText):  # it is not remembered
        await renderer.render(renderer.check(f"{LONG} And oops."), deadline_s=PLENTY_S)


async def test_two_share_what_is_spoken(renderer: Renderer[Opened], voice: Slow) -> None:
    voice.let(2)
    one = await begin(renderer, LONG)
    heard = [*one.first, *await anext(rest_of(one))]
    other = await begin(renderer, LONG)
    assert list(other.first) == heard  # all that there is
    rest_of(one).close()
    voice.let(10)
    assert played_ms([*other.first, *await remaining(other)]) == 5 * SENTENCE_MS
    assert len(voice.spoken) == 5


async def test_closing_gives_up_what_nobody_else_waits_for(
    renderer: Renderer[Opened], voice: Slow, shelf: Shelf
) -> None:
    voice.let(1)
    rest_of(await begin(renderer, LONG)).close()
    await asyncio.sleep(0)
    voice.let(1)  # the sentence that was under way
    again = asyncio.create_task(begin(renderer, LONG))
    voice.let(10)
    rendering = await again
    assert played_ms([*rendering.first, *await remaining(rendering)]) == 5 * SENTENCE_MS
    assert len(voice.spoken) <= 7  # nobody went on with the first one
    assert len(shelf.saved) == 1


async def test_a_later_piece_has_a_deadline_of_its_own(
    renderer: Renderer[Opened], voice: Slow
) -> None:
    voice.let(1)
    rendering = await begin(renderer, LONG, deadline_s=3.0)
    with pytest.raises(CannotConvertText, match="in time"):
        await remaining(rendering)


async def test_beginnings_do_not_wait_for_the_rest_of_others(
    renderer: Renderer[Opened], voice: Slow
) -> None:
    """Every text takes a sentence at a time, and one thread is left to those who wait in silence."""
    voice.let(1)
    first = await begin(renderer, LONG)  # its next sentence holds up the one thread
    beginnings = []
    for number in range(5):
        beginning = asyncio.create_task(begin(renderer, f"{number} {LONG}"))
        voice.let(2)  # this one, and whatever is behind it
        beginnings.append(await beginning)
    assert all(one.first for one in beginnings)
    voice.let(100)
    for one in (first, *beginnings):
        await remaining(one)
    assert len(LONG) > SHORT
