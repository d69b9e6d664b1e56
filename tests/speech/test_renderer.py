"""From msg to prompts, with the real voice where it matters and doubles where order does."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest

from onhook.message import Say
from onhook.speech.downloads.downloads import Downloads
from onhook.speech.engines.english import EnglishVoice
from onhook.speech.errors import (
    CannotConvertText,
    FileNotDownloaded,
    InvalidFileFormat,
    InvalidFileSize,
    InvalidXml,
    RefusedUrl,
    RenderError,
)
from onhook.speech.fetch import (
    FetchError,
    FetchFailed,
    FetchRefused,
    TooLarge,
    TryLater,
    UrlNotValid,
)
from onhook.speech.prompts import Rendered
from onhook.speech.renderer import Renderer
from onhook.speech.utterance import Here
from onhook.speech.voices import Catalogue, Gender, Sound
from speech.doubles import Opened, Shelf, Web, wav

PLENTY_S = 60.0


class Scripted:
    """A voice of half a sine for each word, which can be held up.

    "hush" is silent, "click" a step, and "oops" it cannot say.
    """

    engine, version, name, language, gender = "scripted", "1", "test", "en-US", Gender.FEMALE

    def __init__(self) -> None:
        self.spoken: list[str] = []
        self.begun = threading.Event()
        self.go = threading.Event()
        self.go.set()

    def warm(self) -> None:
        pass

    def synthesise(self, text: str) -> Iterator[Sound]:
        self.spoken.append(text)
        self.begun.set()
        assert self.go.wait(30)
        if text == "oops":
            raise CannotConvertText("no oops")
        for word in text.split():
            if word == "click":
                yield Sound(np.full(2400, 0.5, np.float32), 24_000)
            elif word != "hush":
                wave = np.sin(np.arange(2400) * np.pi / 2400, dtype=np.float64)
                yield Sound(wave.astype(np.float32), 24_000)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def web() -> Web:
    return Web()


@pytest.fixture
def voice() -> Iterator[Scripted]:
    voice = Scripted()
    yield voice
    voice.go.set()


@pytest.fixture
async def renderer(shelf: Shelf, web: Web, voice: Scripted) -> AsyncIterator[Renderer[Opened]]:
    renderer: Renderer[Opened] = Renderer(
        catalogue=Catalogue([voice]), store=shelf, downloads=Downloads(shelf, web), opened_limit=4
    )
    yield renderer
    voice.go.set()
    await renderer.close()


@pytest.fixture
async def speaking(
    shelf: Shelf, web: Web, english: EnglishVoice
) -> AsyncIterator[Renderer[Opened]]:
    """A renderer with the real voice."""
    renderer: Renderer[Opened] = Renderer(
        catalogue=Catalogue([english]), store=shelf, downloads=Downloads(shelf, web)
    )
    yield renderer
    await renderer.close()


async def render(
    renderer: Renderer[Opened], msg: str, deadline_s: float = PLENTY_S
) -> Rendered[Opened]:
    return await renderer.render(renderer.check(msg), deadline_s=deadline_s)


def digests(rendered: Rendered[Opened]) -> list[str]:
    return [part.digest for part in rendered.parts]


# What is heard


async def test_a_message_in_the_real_voice(speaking: Renderer[Opened]) -> None:
    await speaking.warm()
    rendered = await render(speaking, "Thank you for calling. Your order will arrive on Tuesday.")
    (prompt,) = rendered.prompts
    assert 2_000 < rendered.duration_ms < 6_000
    assert prompt.pcm.dtype == np.int16
    level = prompt.pcm.astype(np.float64) / 32768
    assert 0.01 < np.sqrt(np.mean(level**2)) < 0.5
    assert np.abs(level).max() < 1.0
    assert prompt.pcm[0] == prompt.pcm[-1] == 0  # no click


async def test_the_real_voice_refuses_what_it_cannot_read(speaking: Renderer[Opened]) -> None:
    with pytest.raises(CannotConvertText):
        await render(speaking, "\u8acb\u7a0d\u7b49")


async def test_the_real_voice_makes_equal_prompts_of_equal_text(
    speaking: Renderer[Opened], english: EnglishVoice, web: Web
) -> None:
    other: Renderer[Opened] = Renderer(
        catalogue=Catalogue([english]), store=Shelf(), downloads=Downloads(Shelf(), web)
    )
    first, second = await render(speaking, "Hello."), await render(other, "Hello.")
    assert digests(first) == digests(second)
    np.testing.assert_array_equal(first.prompts[0].pcm, second.prompts[0].pcm)
    await other.close()


async def test_speech_begins_and_ends_without_a_click(renderer: Renderer[Opened]) -> None:
    (prompt,) = (await render(renderer, "click")).prompts
    assert np.abs(np.diff(prompt.pcm.astype(int), prepend=0, append=0)).max() < 1_000
    assert prompt.pcm[400] == pytest.approx(4_115, abs=50)  # 12 dB below what it was


async def test_the_order_of_the_message_is_kept(renderer: Renderer[Opened], web: Web) -> None:
    web.files = {"http://a/1.wav": asyncio.Event(), "http://a/2.wav": wav(0.3, 0.2)}
    web.files["http://a/1.wav#then"] = wav(0.9, 0.4)
    task = asyncio.create_task(
        render(renderer, "One <url>http://a/1.wav</url> two words <url>http://a/2.wav</url>")
    )
    await web.noted(web.asked, 2)
    first = web.files["http://a/1.wav"]
    assert isinstance(first, asyncio.Event)
    first.set()
    rendered = await task
    assert [part.duration_ms for part in rendered.parts] == [100, 400, 200, 200]
    assert rendered.duration_ms == 900
    first_pcm, second_pcm = rendered.prompts[1].pcm, rendered.prompts[3].pcm
    assert len(set(first_pcm)) == len(set(second_pcm)) == 1  # a recording is not faded
    assert 0 < second_pcm[0] < first_pcm[0] < 16384  # both were louder than they are now


async def test_no_parts_are_no_prompts(renderer: Renderer[Opened]) -> None:
    assert (await renderer.render((), deadline_s=PLENTY_S)).parts == ()


async def test_check_reads_and_does_nothing(
    renderer: Renderer[Opened], web: Web, voice: Scripted
) -> None:
    with pytest.raises(InvalidXml):
        renderer.check("a < b")
    assert len(renderer.check("Hello <url>http://a/1.mp3</url>")) == 2
    assert not web.asked and not voice.spoken


# What is kept


async def test_a_text_is_synthesised_once(
    renderer: Renderer[Opened], voice: Scripted, shelf: Shelf
) -> None:
    first = await render(renderer, "Hello  there.")
    second = await render(renderer, "<speech language='en'>\nHello there.</speech>")
    assert first.prompts == second.prompts  # the same object: it is shared
    assert voice.spoken == ["Hello there."]
    assert len(shelf.opened) == 1


async def test_what_is_open_needs_no_thread_and_no_wait(renderer: Renderer[Opened]) -> None:
    await render(renderer, "Hello <speech>there</speech>")
    cached = renderer.render(renderer.check("Hello <speech>there</speech>"), deadline_s=0)
    with pytest.raises(StopIteration):
        cached.send(None)


async def test_after_a_restart_the_files_are_used(
    renderer: Renderer[Opened], voice: Scripted, shelf: Shelf, web: Web
) -> None:
    before = await render(renderer, "Hello")
    restarted: Renderer[Opened] = Renderer(
        catalogue=Catalogue([voice]), store=shelf, downloads=Downloads(shelf, web)
    )
    after = await render(restarted, "Hello")
    assert digests(after) == digests(before)
    assert voice.spoken == ["Hello"] and len(shelf.saved) == 1
    await restarted.close()


async def test_the_prompts_used_last_stay_open(
    renderer: Renderer[Opened], voice: Scripted, shelf: Shelf
) -> None:
    for text in ["a", "b", "c", "d", "a", "e", "a"]:  # four stay: b is the oldest when e comes
        await render(renderer, text)
    assert len(shelf.opened) == 5
    await render(renderer, "b")
    assert len(shelf.opened) == 6
    assert voice.spoken == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize("attribute", ["engine", "version", "name", "language"])
async def test_the_address_has_everything_that_shapes_the_sound(
    renderer: Renderer[Opened], shelf: Shelf, web: Web, attribute: str
) -> None:
    other_voice = Scripted()
    setattr(other_voice, attribute, "x")
    other: Renderer[Opened] = Renderer(
        catalogue=Catalogue([other_voice]), store=shelf, downloads=Downloads(shelf, web)
    )
    one, two = await render(renderer, "Hello"), await render(other, "Hello")
    assert digests(one) != digests(two)
    assert digests(one) != digests(await render(renderer, "hello"))
    await other.close()


async def test_digests_name_files(renderer: Renderer[Opened]) -> None:
    (digest,) = digests(await render(renderer, "../../etc/passwd"))
    assert len(digest) == 64 and set(digest) <= set("0123456789abcdef")


async def test_texts_that_normalise_to_the_same_are_the_same(
    renderer: Renderer[Opened], voice: Scripted
) -> None:
    one = await renderer.render((Say("cafe\u0301 \t a", "en-US", Gender.FEMALE),), deadline_s=9)
    two = await renderer.render((Say(" caf\u00e9 a", "en-US", Gender.FEMALE),), deadline_s=9)
    assert one.prompts == two.prompts
    assert voice.spoken == ["caf\u00e9 a"]


async def test_a_recording_is_kept_by_what_is_heard(
    renderer: Renderer[Opened], web: Web, shelf: Shelf
) -> None:
    web.files = {"http://a/1.wav": wav(0.5), "http://b/other.wav": wav(0.5)}
    one = await render(renderer, "<url>http://a/1.wav</url>")
    two = await render(renderer, "<url>http://b/other.wav</url>")
    assert one.prompts == two.prompts and len(shelf.saved) == 1
    web.files["http://a/1.wav"] = wav(0.1)
    changed = await render(renderer, "<url>http://a/1.wav</url>")
    assert digests(changed) != digests(one)


# Who asks at the same time


async def test_equal_texts_asked_for_together_are_synthesised_once(
    renderer: Renderer[Opened], voice: Scripted, shelf: Shelf
) -> None:
    voice.go.clear()
    tasks = [asyncio.create_task(render(renderer, "Hello")) for _ in range(20)]
    assert await asyncio.to_thread(voice.begun.wait, 30)
    tasks[0].cancel()  # who asked first goes away: the others get theirs
    await asyncio.sleep(0)
    voice.go.set()
    results = await asyncio.gather(*tasks[1:])
    assert len({id(rendered.prompts[0]) for rendered in results}) == 1
    assert voice.spoken == ["Hello"] and len(shelf.saved) == 1
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]


async def test_a_text_twice_in_a_message_is_synthesised_once(
    renderer: Renderer[Opened], voice: Scripted
) -> None:
    rendered = await render(renderer, "<speech>again</speech><speech>again</speech>")
    assert voice.spoken == ["again"]
    assert rendered.prompts[0] is rendered.prompts[1]


async def test_a_file_asked_for_together_is_downloaded_once(
    renderer: Renderer[Opened], web: Web
) -> None:
    web.files = {"http://a/1.wav": wav(0.5)}
    msg = "<url>http://a/1.wav</url>"
    await asyncio.gather(*(render(renderer, msg) for _ in range(20)))
    assert web.asked == ["http://a/1.wav"]


async def test_a_download_that_nobody_waits_for_is_given_up(
    renderer: Renderer[Opened], web: Web
) -> None:
    web.files = {"http://a/1.wav": asyncio.Event()}
    task = asyncio.create_task(render(renderer, "<url>http://a/1.wav</url>"))
    await web.noted(web.asked, 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await web.noted(web.given_up)


async def test_only_so_many_downloads_at_once(shelf: Shelf, web: Web, voice: Scripted) -> None:
    renderer: Renderer[Opened] = Renderer(
        catalogue=Catalogue([voice]),
        store=shelf,
        downloads=Downloads(shelf, web, downloads_limit=2),
    )
    gate = asyncio.Event()
    for number in range(5):
        web.files[f"http://a/{number}.wav"] = gate
        web.files[f"http://a/{number}.wav#then"] = wav(0.5)
    msg = "".join(f"<url>http://a/{number}.wav</url>" for number in range(5))
    task = asyncio.create_task(render(renderer, msg))
    await web.noted(web.asked, 2)
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(web.asked) == 2
    gate.set()
    assert len((await task).parts) == 5
    await renderer.close()


# What goes wrong


@pytest.mark.parametrize(
    ("error", "raised", "detail"),
    [
        (FetchFailed("The server said 404."), FileNotDownloaded, "The server said 404."),
        (FetchFailed(), FileNotDownloaded, FileNotDownloaded.sentence),
        (TryLater("It is down."), FileNotDownloaded, "It is down."),
        (FetchRefused("It is a private address."), FileNotDownloaded, "It is a private address."),
        (UrlNotValid("It has a password."), RefusedUrl, "It has a password."),
        (TooLarge("11 MB"), InvalidFileSize, InvalidFileSize.sentence),
    ],
)
async def test_a_failed_download_has_its_status_and_reason(
    renderer: Renderer[Opened],
    web: Web,
    error: FetchError,
    raised: type[RenderError],
    detail: str,
) -> None:
    web.files = {"http://a/1.wav": error}
    with pytest.raises(raised) as caught:
        await render(renderer, "<url>http://a/1.wav</url>")
    assert caught.value.detail == detail


async def test_a_file_with_another_extension_is_not_even_asked_for(
    renderer: Renderer[Opened], web: Web
) -> None:
    with pytest.raises(InvalidFileFormat):
        await render(renderer, "<url>http://a/1.ogg</url>")
    assert not web.asked


async def test_a_file_that_is_no_audio(renderer: Renderer[Opened], web: Web, shelf: Shelf) -> None:
    web.files = {"http://a/1.mp3": b"<html>"}
    with pytest.raises(InvalidFileFormat):
        await render(renderer, "<url>http://a/1.mp3</url>")
    assert not shelf.saved


async def test_silence_is_no_speech(renderer: Renderer[Opened], shelf: Shelf) -> None:
    with pytest.raises(CannotConvertText, match="finds nothing"):
        await render(renderer, "hush")
    assert not shelf.saved


async def test_a_failure_is_not_remembered(renderer: Renderer[Opened], web: Web) -> None:
    web.files = {"http://a/1.wav": FetchFailed()}
    with pytest.raises(FileNotDownloaded):
        await render(renderer, "<url>http://a/1.wav</url>")
    web.files = {"http://a/1.wav": wav(0.5)}
    assert (await render(renderer, "<url>http://a/1.wav</url>")).duration_ms == 500


async def test_of_several_failures_the_first_part_decides(
    renderer: Renderer[Opened], web: Web
) -> None:
    slow = asyncio.Event()
    web.files = {"http://a/slow.wav": slow, "http://a/slow.wav#then": FetchFailed("slow")}
    web.files["http://a/big.wav"] = TooLarge()
    msg = "<url>http://a/slow.wav</url> oops <url>http://a/big.wav</url>"
    task = asyncio.create_task(render(renderer, msg))
    await web.noted(web.asked, 2)
    for _ in range(20):
        await asyncio.sleep(0)
    assert not task.done()
    slow.set()
    with pytest.raises(FileNotDownloaded, match="slow"):
        await task


async def test_a_failure_does_not_wait_for_the_parts_behind_it(
    renderer: Renderer[Opened], web: Web
) -> None:
    web.files = {"http://a/never.wav": asyncio.Event()}
    with pytest.raises(CannotConvertText):
        async with asyncio.timeout(30):
            await render(renderer, "oops <url>http://a/never.wav</url>", deadline_s=3600)
    assert web.given_up == web.asked  # nothing goes on in the background


async def test_a_download_that_is_late_has_failed(renderer: Renderer[Opened], web: Web) -> None:
    web.files = {"http://a/never.wav": asyncio.Event()}
    with pytest.raises(FileNotDownloaded, match="in time"):
        await render(renderer, "<url>http://a/never.wav</url>", deadline_s=0.05)
    await web.noted(web.given_up)


async def test_speech_that_is_late_has_failed_and_ends_soon(
    renderer: Renderer[Opened], voice: Scripted, shelf: Shelf
) -> None:
    voice.go.clear()
    with pytest.raises(CannotConvertText, match="in time"):
        await render(renderer, "never " * 500, deadline_s=0.05)
    voice.go.set()
    await renderer.close()  # returns when the threads have ended
    assert not shelf.saved


async def test_one_deadline_does_not_end_the_wait_of_another(
    renderer: Renderer[Opened], voice: Scripted
) -> None:
    voice.go.clear()
    impatient = asyncio.create_task(render(renderer, "Hello", deadline_s=0.01))
    patient = asyncio.create_task(render(renderer, "Hello"))
    with pytest.raises(CannotConvertText):
        await impatient
    voice.go.set()
    assert len((await patient).parts) == 1
    assert voice.spoken == ["Hello"]


async def test_a_full_disk_is_no_fault_of_the_message(
    renderer: Renderer[Opened], shelf: Shelf
) -> None:
    shelf.full = True
    with pytest.raises(OSError, match="no space"):
        await render(renderer, "Hello")
    shelf.full = False
    assert (await render(renderer, "Hello")).parts


async def test_what_speaks_is_got_ready_and_ended_with_the_renderer(
    shelf: Shelf, web: Web, voice: Scripted
) -> None:
    told: list[str] = []

    class Watched(Here):
        def warm(self) -> None:
            told.append("warm")

        def close(self) -> None:
            told.append("close")

    renderer: Renderer[Opened] = Renderer(
        catalogue=Catalogue([voice]),
        store=shelf,
        downloads=Downloads(shelf, web),
        synthesis=Watched(),
    )
    await renderer.warm()
    assert (await render(renderer, "Hello")).parts
    await renderer.close()
    assert told == ["warm", "close"]


async def test_close_gives_up_what_is_under_way(
    renderer: Renderer[Opened], voice: Scripted, web: Web
) -> None:
    web.files = {"http://a/never.wav": asyncio.Event()}
    task = asyncio.create_task(render(renderer, "<url>http://a/never.wav</url>"))
    await web.noted(web.asked, 1)
    await renderer.close()
    with pytest.raises(asyncio.CancelledError):
        await task
