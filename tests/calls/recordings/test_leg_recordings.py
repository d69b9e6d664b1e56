"""Recordings of a leg: the samples of a call, and what becomes of a call of which some cannot be recorded."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog

from calls.recordings.conftest import PATIENCE_S, Kept, loudness, tone, tone_s
from onhook.calls.leg_recordings import LegRecordings
from onhook.calls.playing import tag_of
from onhook.media import Prompt, Stream
from onhook.media.found import FoundStream

Says = Callable[[LegRecordings, Stream, str], None]

SLACK_S = 0.05
"""The last frame may end after it was told that it has left, and an mp3 is not the same to the sample."""


@pytest.fixture
def recordings(kept: Kept) -> LegRecordings:
    return LegRecordings(kept.store)


def begin(recordings: LegRecordings, stream: Stream, name: str) -> None:
    recordings.begin(stream, name)


def prepare(recordings: LegRecordings, stream: Stream, name: str) -> None:
    recordings.prepare(stream, name)


def prepare_and_begin(recordings: LegRecordings, stream: Stream, name: str) -> None:
    recordings.prepare(stream, name)
    recordings.begin(stream, name)


def take_over(recordings: LegRecordings, stream: Stream, name: str) -> None:
    """The process before had begun it, and its media plane is gone."""
    found = FoundStream(stream.port, stream.handle, last_play=0)
    recordings.take_over(stream, found, {name: None})


async def _play(stream: Stream) -> None:
    played = asyncio.Event()
    stream.play([Prompt.of(tone(1))], lambda _: played.set())
    async with asyncio.timeout(PATIENCE_S):
        await played.wait()


def _open_files(name: str) -> list[str]:
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            found.append(str(descriptor.readlink()))
        except FileNotFoundError:  # that of the directory itself
            continue
    return [path for path in found if name in path]


@pytest.mark.parametrize("begins", [begin, prepare_and_begin])
@pytest.mark.parametrize("hung_up", [False, True])
async def test_a_call_is_recorded_to_its_end(
    kept: Kept, recordings: LegRecordings, stream: Stream, begins: Says, hung_up: bool
) -> None:
    name = kept.store.new().name
    begins(recordings, stream, name)
    recordings.begin(stream, name)  # it goes on
    await _play(stream)
    if hung_up:
        stream.close()
    else:
        recordings.stop(name)
    found = await kept.finished(name)
    assert tone_s(found.path) == pytest.approx(1, abs=SLACK_S)
    recordings.stop(name)
    assert kept.store.unfinished == 0


def _is_recorded_often_enough(kept: Kept, recordings: LegRecordings, stream: Stream) -> None:
    for _ in range(4):
        recordings.begin(stream, kept.store.new().name)


def _is_over(kept: Kept, recordings: LegRecordings, stream: Stream) -> None:
    stream.close()


@pytest.mark.parametrize("it", [_is_recorded_often_enough, _is_over])
@pytest.mark.parametrize("begins", [begin, prepare_and_begin, take_over])
async def test_a_stream_that_takes_no_recording(
    kept: Kept,
    recordings: LegRecordings,
    stream: Stream,
    it: Callable[[Kept, LegRecordings, Stream], None],
    begins: Says,
    logs: list[structlog.typing.EventDict],
) -> None:
    """The call does not fail for it, and the link that was told leads to what there is: silence."""
    it(kept, recordings, stream)
    name = kept.spool(b"") if begins is take_over else kept.store.new().name
    begins(recordings, stream, name)
    assert _open_files(name) == []
    assert max(loudness((await kept.finished(name)).path)) == 0
    assert "recording_not_begun" in [entry["event"] for entry in logs]
    assert name not in str(logs)


async def test_one_that_cannot_be_prepared_leaves_nothing(
    kept: Kept,
    recordings: LegRecordings,
    stream: Stream,
    logs: list[structlog.typing.EventDict],
) -> None:
    _is_over(kept, recordings, stream)
    name = kept.store.new().name
    recordings.prepare(stream, name)
    recordings.begin_behind(name, 1)
    assert (_open_files(name), kept.files(), kept.store.unfinished) == ([], set(), 0)
    assert [entry["event"] for entry in logs] == ["recording_not_prepared"]


async def test_one_that_cannot_begin_any_more_is_silent(
    kept: Kept, recordings: LegRecordings, stream: Stream
) -> None:
    name = kept.store.new().name
    recordings.prepare(stream, name)
    stream.close()
    recordings.begin_behind(name, 1)
    recordings.begin_unsaid(name)
    recordings.begin(stream, name)
    assert max(loudness((await kept.finished(name)).path)) == 0


async def test_a_call_outlives_a_disk_that_takes_no_file(
    kept: Kept,
    recordings: LegRecordings,
    stream: Stream,
    logs: list[structlog.typing.EventDict],
) -> None:
    """What was told to record while it lasted is silent; what was only to be prepared is recorded."""
    elsewhere = kept.directory.rename(kept.directory.with_name("elsewhere"))
    kept.directory.touch()
    silent, prepared = kept.store.new().name, kept.store.new().name
    recordings.begin(stream, silent)
    recordings.prepare(stream, prepared)
    assert [entry["event"] for entry in logs] == ["recording_not_begun", "recording_not_prepared"]
    kept.directory.unlink()
    elsewhere.rename(kept.directory)
    recordings.begin(stream, prepared)
    await _play(stream)
    recordings.stop(prepared)
    assert tone_s((await kept.finished(prepared)).path) == pytest.approx(1, abs=SLACK_S)
    assert max(loudness((await kept.finished(silent)).path)) == 0


@pytest.mark.parametrize("at_its_end", [False, True])
async def test_one_whose_file_cannot_be_renamed_is_not_lost(
    kept: Kept,
    recordings: LegRecordings,
    stream: Stream,
    logs: list[structlog.typing.EventDict],
    at_its_end: bool,
) -> None:
    """It is tried again at its end, and then every minute."""
    name = kept.store.new().name
    recordings.prepare(stream, name)
    in_its_place = kept.directory / f"{name}.pcm"
    in_its_place.mkdir()
    recordings.begin(stream, name)
    await _play(stream)
    if at_its_end:
        in_its_place.rmdir()
    recordings.stop(name)
    async with asyncio.timeout(PATIENCE_S):
        while not at_its_end and "recording_not_encoded" not in [each["event"] for each in logs]:
            await asyncio.sleep(0.01)
    if not at_its_end:
        in_its_place.rmdir()
    assert tone_s((await kept.finished(name)).path) == pytest.approx(1, abs=SLACK_S)
    assert kept.files() == {f"{name}.mp3"}
    assert logs[0]["event"] == "recording_not_renamed"
    assert name not in str(logs)


async def test_one_that_was_not_renamed_goes_on_in_the_next_process(
    kept: Kept, recordings: LegRecordings, stream: Stream
) -> None:
    name = kept.spool(tone(1).tobytes(), waits=True)
    take_over(recordings, stream, name)
    recordings.stop(name)
    assert tone_s((await kept.finished(name)).path) == pytest.approx(1, abs=SLACK_S)


def lost(stream: Stream, *names: str) -> FoundStream:
    """The stream is said to have these recordings, and the plane knows nothing of them."""
    recordings = {tag_of(name): handle for handle, name in enumerate(names, start=1)}
    return FoundStream(stream.port, stream.handle, last_play=0, recordings=recordings)


async def test_one_that_cannot_be_taken_over_is_recorded_on(
    kept: Kept,
    recordings: LegRecordings,
    stream: Stream,
    logs: list[structlog.typing.EventDict],
) -> None:
    """It costs neither its call nor what there is of it."""
    name = kept.spool(tone(1).tobytes())
    recordings.take_over(stream, lost(stream, name), {name: None})
    await _play(stream)
    recordings.stop(name)
    assert tone_s((await kept.finished(name)).path) == pytest.approx(2, abs=SLACK_S)
    assert [entry["event"] for entry in logs] == ["recording_not_taken_over"]
    assert name not in str(logs)


async def test_one_that_waits_and_cannot_be_taken_over_is_prepared_anew(
    kept: Kept, recordings: LegRecordings, stream: Stream
) -> None:
    name = kept.spool(b"", waits=True)
    recordings.take_over(stream, lost(stream, name), {}, prepared=name)
    recordings.begin(stream, name)
    await _play(stream)
    recordings.stop(name)
    assert tone_s((await kept.finished(name)).path) == pytest.approx(1, abs=SLACK_S)


@pytest.mark.parametrize("waits", [False, True])
async def test_one_that_nobody_asked_for_and_cannot_be_taken_over_ends(
    kept: Kept, recordings: LegRecordings, stream: Stream, waits: bool
) -> None:
    """There is what was recorded of it, also where its file could not be renamed."""
    name = kept.before().spool(tone(1).tobytes(), waits=waits)
    recordings.take_over(stream, lost(stream, name), {})
    assert _open_files(name) == []
    assert tone_s((await kept.finished(name)).path) == pytest.approx(1, abs=SLACK_S)
    assert kept.files() == {f"{name}.mp3"}


async def test_of_one_that_nobody_asked_for_and_never_began_nothing_is_left(
    kept: Kept, recordings: LegRecordings, stream: Stream
) -> None:
    name = kept.before().spool(b"", waits=True)
    recordings.take_over(stream, lost(stream, name), {})
    assert (_open_files(name), kept.files(), kept.store.unfinished) == ([], set(), 0)
