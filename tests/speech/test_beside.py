"""A slow voice keeps no caller waiting: another one speaks, and the slow one makes it for the next time."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from onhook.flights import Flights
from onhook.speech import beside as beside_module
from onhook.speech import renderer as renderer_module
from onhook.speech.beside import Beside, Wanted
from onhook.speech.downloads.downloads import Downloads
from onhook.speech.errors import CannotConvertText, EngineUnavailable
from onhook.speech.renderer import Renderer
from onhook.speech.rendering import Rendering
from onhook.speech.voices import Catalogue, Gender, Sound
from speech.doubles import Opened, Shelf, Web, wav

PLENTY_S = 60.0
QUICK, SLOW = 0.1, 0.05
SHORT = '<speech language="es-ES">Hola.</speech>'
OTHER = '<speech language="es-ES">Hasta luego.</speech>'
LONG = f'<speech language="es-ES">{"Hola, buenos días. " * 10}</speech>'


@dataclass(eq=False)
class Quick:
    """A voice that speaks at once, by one level."""

    language: str = "es-ES"
    gender: Gender = Gender.FEMALE
    engine: str = "quick"
    version: str = "1"
    spoken: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.engine

    def warm(self) -> None:
        pass

    def synthesise(self, text: str) -> Iterator[Sound]:
        self.spoken.append(text)
        yield Sound(np.full(8000, QUICK, np.float32), 8000)


@dataclass(eq=False)
class Slow(Quick):
    """A voice that takes a second for a character, or says so; each text waits to be let through."""

    engine: str = "slow"
    character_s: float = 1.0
    allowed: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    begun: threading.Event = field(default_factory=threading.Event)
    fails: Exception | None = None

    def synthesise(self, text: str) -> Iterator[Sound]:
        self.begun.set()
        assert self.allowed.acquire(timeout=30)
        self.spoken.append(text)
        if self.fails:
            raise self.fails
        yield Sound(np.full(8000, SLOW, np.float32), 8000)


@dataclass
class Cast:
    """Who there is, and where prompts are kept."""

    slow: Slow = field(default_factory=Slow)
    quick: Quick = field(default_factory=Quick)
    shelf: Shelf = field(default_factory=Shelf)
    web: Web = field(default_factory=Web)

    def renderer(self, voice_wait_s: float = 1.5) -> Renderer[Opened]:
        english = Quick("en-US")
        catalogue = Catalogue([english, self.quick], instead=[self.slow])
        downloads = Downloads(self.shelf, self.web)
        return Renderer(
            catalogue=catalogue,
            store=self.shelf,
            downloads=downloads,
            voice_wait_s=voice_wait_s,
        )


@pytest.fixture
def cast() -> Iterator[Cast]:
    found = Cast()
    yield found
    found.slow.allowed.release(1000)


@pytest.fixture
async def renderer(cast: Cast) -> AsyncIterator[Renderer[Opened]]:
    renderer = cast.renderer()
    yield renderer
    cast.slow.allowed.release(1000)
    await renderer.close()


async def begin(renderer: Renderer[Opened], msg: str) -> Rendering[Opened]:
    return await renderer.begin(renderer.check(msg), deadline_s=PLENTY_S)


async def made_beside(renderer: Renderer[Opened]) -> None:
    """Returns when nothing is being made any more."""
    async with asyncio.timeout(30):
        while renderer.beside:
            await asyncio.sleep(0.005)


async def test_another_voice_speaks_and_the_slow_one_makes_it_for_the_next_time(
    cast: Cast, renderer: Renderer[Opened]
) -> None:
    first = await begin(renderer, LONG)
    assert (len(cast.quick.spoken), cast.slow.spoken) == (1, [])
    cast.slow.allowed.release()
    await made_beside(renderer)
    second = await begin(renderer, LONG)
    assert (len(cast.quick.spoken), len(cast.slow.spoken)) == (1, 1)
    assert second.first[0] is not first.first[0]
    assert len(cast.shelf.kept) == 2  # each under an address of its own


async def test_what_the_slow_voice_made_before_is_played_after_a_restart(cast: Cast) -> None:
    cast.slow.allowed.release()
    before = cast.renderer()
    await before.render(before.check(LONG), deadline_s=PLENTY_S)
    await before.close()
    after = cast.renderer()
    await begin(after, LONG)
    await after.close()
    assert (len(cast.slow.spoken), cast.quick.spoken) == (1, [])


async def test_a_slow_voice_that_is_quick_enough_is_waited_for(cast: Cast) -> None:
    cast.slow.character_s = 0.001
    renderer = cast.renderer(voice_wait_s=PLENTY_S)
    beginning = asyncio.create_task(begin(renderer, SHORT))
    await asyncio.to_thread(cast.slow.begun.wait)
    cast.slow.allowed.release()
    await beginning
    await renderer.close()
    assert (len(cast.slow.spoken), cast.quick.spoken) == (1, [])


async def test_one_that_is_later_than_was_thought_is_not_waited_for_any_longer(
    cast: Cast,
) -> None:
    cast.slow.character_s = 0.001
    renderer = cast.renderer(voice_wait_s=0.05)
    await begin(renderer, SHORT)
    assert (len(cast.quick.spoken), cast.slow.spoken) == (1, [])
    cast.slow.allowed.release(10)
    await made_beside(renderer)
    await renderer.close()
    assert len(cast.slow.spoken) == 1


async def test_who_stands_in_has_time_left_before_the_deadline(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renderer_module, "STAND_IN_S", PLENTY_S - 0.1)
    cast.slow.character_s = 0.001
    renderer = cast.renderer(voice_wait_s=PLENTY_S)
    async with asyncio.timeout(PLENTY_S / 2):
        await begin(renderer, SHORT)
    assert (len(cast.quick.spoken), cast.slow.spoken) == (1, [])
    cast.slow.allowed.release()
    await renderer.close()


async def test_no_message_is_looked_for_beyond_its_deadline(
    cast: Cast, renderer: Renderer[Opened]
) -> None:
    """All threads are at work for others."""
    others = [
        asyncio.create_task(renderer.render(renderer.check(msg), deadline_s=PLENTY_S))
        for msg in (SHORT, LONG)
    ]
    await asyncio.to_thread(cast.slow.begun.wait)
    async with asyncio.timeout(30):
        with pytest.raises(CannotConvertText, match="in time"):
            await renderer.begin(renderer.check(OTHER), deadline_s=0.1)
    cast.slow.allowed.release(10)
    await asyncio.gather(*others)


async def test_a_slow_voice_that_fails_while_it_is_waited_for_has_another_one_speak(
    cast: Cast,
) -> None:
    cast.slow.character_s = 0.001
    cast.slow.fails = EngineUnavailable("out of memory")
    cast.slow.allowed.release(10)
    renderer = cast.renderer(voice_wait_s=PLENTY_S)
    await begin(renderer, SHORT)
    await renderer.close()
    assert (len(cast.slow.spoken), len(cast.quick.spoken)) == (1, 1)


async def test_one_message_has_one_speaker(cast: Cast, renderer: Renderer[Opened]) -> None:
    cast.slow.allowed.release()
    await renderer.render(renderer.check(SHORT), deadline_s=PLENTY_S)
    both = await begin(renderer, SHORT + OTHER)
    assert len(both.first) == 2
    assert len(cast.quick.spoken) == 2  # also what the slow one had made


async def test_recordings_of_the_message_are_fetched_meanwhile(cast: Cast) -> None:
    cast.slow.character_s = 0.001
    renderer = cast.renderer(voice_wait_s=PLENTY_S)
    cast.web.files["http://x/a.wav"] = wav(0.1)
    beginning = asyncio.create_task(begin(renderer, SHORT + "<url>http://x/a.wav</url>"))
    await cast.web.noted(cast.web.asked)
    assert not cast.slow.spoken
    cast.slow.allowed.release()
    assert len((await beginning).first) == 2
    await renderer.close()
    assert cast.web.asked == ["http://x/a.wav"]


async def test_what_the_slow_voice_cannot_say_is_not_tried_again(
    cast: Cast, renderer: Renderer[Opened]
) -> None:
    cast.slow.fails = CannotConvertText()
    cast.slow.allowed.release(10)
    for _ in range(3):
        await begin(renderer, LONG)
        await made_beside(renderer)
    assert (len(cast.slow.spoken), len(cast.quick.spoken)) == (1, 1)


async def test_what_it_could_not_say_is_tried_again_later(
    cast: Cast, renderer: Renderer[Opened], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have been killed, or been late while the machine had other work."""
    monkeypatch.setattr(beside_module, "IMPOSSIBLE_S", 0.0)
    cast.slow.fails = CannotConvertText()
    cast.slow.allowed.release(10)
    await begin(renderer, LONG)
    await made_beside(renderer)
    cast.slow.fails = None
    await begin(renderer, LONG)
    await made_beside(renderer)
    await begin(renderer, LONG)
    assert (len(cast.slow.spoken), len(cast.quick.spoken)) == (2, 1)


async def test_a_broken_engine_is_tried_again_and_no_fault_of_the_message(
    cast: Cast, renderer: Renderer[Opened]
) -> None:
    cast.slow.fails = EngineUnavailable("out of memory")
    cast.slow.allowed.release(10)
    for _ in range(2):
        await begin(renderer, LONG)
        await made_beside(renderer)
    assert (len(cast.slow.spoken), len(cast.quick.spoken)) == (2, 1)


async def test_equal_messages_are_made_once(cast: Cast, renderer: Renderer[Opened]) -> None:
    await asyncio.gather(*(begin(renderer, LONG) for _ in range(5)))
    cast.slow.allowed.release(10)
    await made_beside(renderer)
    assert (len(cast.slow.spoken), len(cast.quick.spoken)) == (1, 1)


async def test_closing_gives_up_what_is_being_made(cast: Cast) -> None:
    renderer = cast.renderer()
    await begin(renderer, LONG)
    await asyncio.to_thread(cast.slow.begun.wait)
    closing = asyncio.create_task(renderer.close())
    cast.slow.allowed.release()  # it is in the middle of a sound, which nothing ends
    await closing
    assert renderer.beside == 0


async def test_the_start_of_a_model_says_nothing_of_its_pace() -> None:
    """That is the first text of a process, or after one that failed."""
    process = 1
    beside: Beside[str] = Beside(Flights(), lambda made: made, lambda: process)

    async def expected_after(key: str, fails: Exception | None = None) -> float:
        def make(_checkpoint: object) -> str:
            if fails is not None:
                raise fails
            return key

        wanted = Wanted(key, Slow(), "Hola.", make)
        assert await beside.ready([wanted], PLENTY_S) == (fails is None)
        return beside.expected_s([wanted])

    guess = await expected_after("first")
    assert guess == 5.0
    learned = await expected_after("second")
    assert learned < guess
    process = 2
    assert await expected_after("first of another") == learned
    again = await expected_after("second of another")
    assert again < learned
    await expected_after("broken", EngineUnavailable("killed"))
    assert await expected_after("first after that") == again
    await beside.close()


def test_who_would_speak_without_it_stands_in() -> None:
    formant, statistical, slow = Quick(), Quick(engine="statistical"), Slow()
    catalogue = Catalogue([Quick("en-US"), formant], instead=[slow, statistical])
    assert catalogue.find("es") is slow
    assert catalogue.stand_in(slow) is statistical
    assert catalogue.stand_in(statistical) is None
    plugged = Catalogue([formant], instead=[statistical, slow])
    assert plugged.find("es") is statistical


def test_the_voices_of_an_engine_speak_wherever_they_can() -> None:
    quick, slow = Quick(), Slow()
    english = Quick("en-US")
    catalogue = Catalogue([english, quick], instead=[slow])
    assert catalogue.of_engine("quick").find("es") is quick
    assert catalogue.of_engine("slow").find("es") is slow
    assert catalogue.of_engine("slow").find() is english
