"""A recording is downloaded again only when it changed, or when nothing tells whether it did."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from onhook.speech.downloads.copies import Copies
from onhook.speech.downloads.decoding import Decoders
from onhook.speech.downloads.downloads import Downloads
from onhook.speech.errors import DecoderNotStarted, FileNotDownloaded, InvalidFileFormat
from onhook.speech.fetch import FetchFailed, FetchRefused, TooLarge, TryLater
from speech.doubles import Opened, Reply, Shelf, Web, stand_in, wav

URL = "http://a/1.wav"
NEW = wav(0.12, 0.2)


class Clock:
    """Unix time that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class World:
    """Everything around the recordings, and new ones on the same disk."""

    def __init__(self, directory: Path) -> None:
        self.shelf, self.web, self.clock = Shelf(), Web(), Clock()
        self._path = directory / "copies.db"
        self._decoders = Decoders()
        self.downloads = self._downloads()

    def _downloads(self) -> Downloads[Opened]:
        return Downloads(
            self.shelf,
            self.web,
            copies=Copies(self._path),
            decoders=self._decoders,
            deadline_s=60.0,
            patience_s=5.0,
            stale_s=3600.0,
            clock=self.clock,
        )

    async def restart(self) -> None:
        await self.downloads.close()
        self._decoders = Decoders()
        self.downloads = self._downloads()

    async def get(self) -> str:
        """The digest of what is heard."""
        return (await self.downloads.prompt(URL)).digest

    async def kept(self, **headers: str) -> str:
        """After a first download with these headers (`_` stands for `-`)."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.web.files[URL] = Reply(wav(0.1), named)
        return await self.get()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path)
    yield world
    await world.downloads.close()


VALIDATORS = [{"etag": '"1"'}, {"last_modified": "Mon, 01 Jan 2024 00:00:00 GMT"}]
VALIDATORS.append({**VALIDATORS[0], **VALIDATORS[1]})


@pytest.mark.parametrize("headers", VALIDATORS)
@pytest.mark.parametrize("restarted", [False, True])
async def test_an_unchanged_file_is_not_downloaded_again(
    world: World, headers: dict[str, str], restarted: bool
) -> None:
    digest = await world.kept(**headers)
    if restarted:
        await world.restart()
    assert await world.get() == digest
    assert world.shelf.saved == [digest]
    names = {"etag": "If-None-Match", "last_modified": "If-Modified-Since"}
    assert world.web.conditions == [{}, {names[key]: value for key, value in headers.items()}]


async def test_a_validator_is_for_the_place_that_it_came_from(world: World) -> None:
    """What the URL leads to today may be another file, from before the one that is kept."""
    world.web.files[URL] = Reply(wav(0.1), {"etag": '"1"'}, "there")
    await world.get()
    world.web.files[URL] = Reply(wav(0.1), {"etag": '"1"'}, "elsewhere")
    await world.restart()
    await world.get()
    assert world.web.sources == ["", "there"]


async def test_a_changed_file_is_heard_at_once(world: World) -> None:
    before = await world.kept(etag='"1"')
    world.web.files[URL] = Reply(NEW, {"etag": '"2"'})
    after = await world.get()
    assert after != before
    assert await world.get() == after
    assert [c.get("If-None-Match") for c in world.web.conditions] == [None, '"1"', '"2"']


async def test_without_a_validator_it_is_downloaded_each_time(world: World) -> None:
    before = await world.kept()
    assert await world.get() == before
    world.web.files[URL] = NEW
    assert await world.get() != before
    assert world.web.conditions == [{}, {}, {}]


async def test_a_prompt_that_was_deleted_is_downloaded_in_full(world: World) -> None:
    digest = await world.kept(etag='"1"')
    del world.shelf.kept[digest]
    assert await world.get() == digest
    assert world.web.conditions == [{}, {}]
    assert world.shelf.saved == [digest, digest]


async def test_what_is_deleted_while_its_server_is_asked_is_still_heard(world: World) -> None:
    digest = await world.kept(etag='"1"')
    gate = asyncio.Event()
    world.web.files[URL + "#then"] = world.web.files[URL]
    world.web.files[URL] = gate
    task = asyncio.create_task(world.get())
    await world.web.noted(world.web.asked, 2)
    del world.shelf.kept[digest]
    gate.set()
    assert await task == digest


@pytest.mark.parametrize("headers", [{}, {"etag": '"1"'}])
async def test_a_copy_stands_in_for_a_server_that_is_down(
    world: World, headers: dict[str, str]
) -> None:
    digest = await world.kept(**headers)
    world.web.files[URL] = TryLater("It is down.")
    world.clock.now += 3600
    assert await world.get() == digest
    world.clock.now += 1
    with pytest.raises(FileNotDownloaded, match="It is down"):
        await world.get()


async def test_the_hour_begins_with_the_last_confirmation(world: World) -> None:
    digest = await world.kept(etag='"1"')
    world.clock.now += 3000
    await world.get()
    world.web.files[URL] = TryLater()
    world.clock.now += 3000
    assert await world.get() == digest


async def test_a_copy_from_the_future_does_not_stand_in(world: World) -> None:
    await world.kept(etag='"1"')
    world.web.files[URL] = TryLater()
    world.clock.now -= 10
    with pytest.raises(FileNotDownloaded):
        await world.get()


async def test_a_server_that_comes_back_is_asked_with_the_old_validator(world: World) -> None:
    digest = await world.kept(etag='"1"')
    up, world.web.files[URL] = world.web.files[URL], TryLater()
    world.clock.now += 10_000
    with pytest.raises(FileNotDownloaded):
        await world.get()
    world.web.files[URL] = up
    assert await world.get() == digest
    assert world.web.conditions[-1] == {"If-None-Match": '"1"'}


async def test_a_copy_that_may_stand_in_is_not_waited_for_long(world: World) -> None:
    await world.kept(etag='"1"')
    await world.get()
    world.clock.now += 10_000
    await world.get()
    assert world.web.deadlines == [60.0, 5.0, 60.0]


@pytest.mark.parametrize("error", [FetchFailed("404"), FetchRefused("private"), TooLarge()])
async def test_what_the_server_says_of_the_file_counts_at_once(
    world: World, error: FetchFailed
) -> None:
    await world.kept(etag='"1"')
    world.web.files[URL] = error
    with pytest.raises(Exception, match=r"404|private|10 MB"):
        await world.get()
    world.web.files[URL] = TryLater("down")  # and the copy is forgotten
    with pytest.raises(FileNotDownloaded, match="down"):
        await world.get()
    assert world.web.conditions[-1] == {}


async def test_a_file_that_became_no_recording_is_refused(world: World) -> None:
    await world.kept(etag='"1"')
    world.web.files[URL] = Reply(b"<html>", {"etag": '"2"'})
    for _ in range(2):
        with pytest.raises(InvalidFileFormat):
            await world.get()
    assert world.web.conditions[-1] == {}


async def test_a_304_that_was_not_asked_for_is_a_failure(world: World) -> None:
    class Odd(Reply):
        def answer(self, conditions: object) -> object:  # type: ignore[override]
            return super().answer({"If-None-Match": "x"})

    world.web.files[URL] = Odd(b"", {"etag": "x"})
    with pytest.raises(FileNotDownloaded):
        await world.get()


async def test_no_decoder_is_no_fault_of_the_file(tmp_path: Path) -> None:
    web = Web()
    web.files[URL] = wav(0.1)
    downloads = Downloads(Shelf(), web, decoders=Decoders(stand_in("decoder", ["/nonexistent"])))
    with pytest.raises(DecoderNotStarted):
        await downloads.prompt(URL)
    await downloads.close()
