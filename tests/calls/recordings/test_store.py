"""From a spool to an mp3, and to its end."""

import asyncio
import errno
import os
import signal
import socket
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import structlog

from calls.recordings.conftest import KEPT_S, PATIENCE_S, Kept, keeping, loudness, tone
from onhook.calls.recordings.encoder import Encoder, EncodingFailed
from onhook.calls.recordings.store import Missing, RecordingStore
from onhook.media import RecordingStats
from onhook.processes.workers import Spawner

WHOLE = RecordingStats(samples=8000, lost=0, error=0)


def test_names_cannot_be_guessed(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path, "http://127.0.0.1:8080", KEPT_S)
    refs = [store.new() for _ in range(100)]
    assert len({ref.name for ref in refs}) == 100
    assert all(len(ref.name) * 6 >= 128 for ref in refs)
    assert refs[0].url == f"http://127.0.0.1:8080/recordings/{refs[0].name}.mp3"
    assert all(store.url(ref.name) == ref.url for ref in refs)
    assert list(tmp_path.iterdir()) == []


async def test_a_recording_becomes_an_mp3(kept: Kept) -> None:
    silence = bytes(16000)
    name = kept.spool(silence + tone(2).tobytes() + silence)
    kept.store.finish(name, WHOLE)
    found = await kept.finished(name)
    assert kept.files() == {f"{name}.mp3"}
    loud = loudness(found.path)
    assert len(loud) == 40
    assert max(loud[:9]) < 0.01 < 0.1 < min(loud[11:29])
    assert max(loud[31:]) < 0.01


async def test_nobody_else_may_read_it(kept: Kept) -> None:
    name = kept.spool(bytes(1600))
    spool = kept.directory / f"{name}.pcm"
    assert stat.S_IMODE(spool.stat().st_mode) == 0o600
    kept.store.finish(name)
    found = await kept.finished(name)
    assert stat.S_IMODE(found.stat.st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"\1", b"\1\2\3"])
async def test_next_to_nothing_is_an_mp3_too(kept: Kept, content: bytes) -> None:
    name = kept.spool(content)
    kept.store.finish(name)
    found = await kept.finished(name)
    assert len(loudness(found.path)) <= 1
    assert found.stat.st_size > 0


async def test_without_a_spool_it_is_silent(kept: Kept) -> None:
    """The disk was so full that no file could be made: the link that was told still leads to one."""
    name = kept.store.new().name
    kept.store.finish(name)
    found = await kept.finished(name)
    before = found.stat.st_mtime_ns
    kept.store.finish(name)
    assert (await kept.finished(name)).stat.st_mtime_ns == before


async def test_it_is_unfinished_until_it_is_finished(kept: Kept) -> None:
    name = kept.spool(bytes(1600))
    assert await kept.store.find(name) is Missing.UNFINISHED
    waiting = asyncio.create_task(kept.store.find(name, PATIENCE_S))
    await asyncio.sleep(0)
    kept.store.finish(name)
    assert not isinstance(await waiting, Missing)


async def test_a_name_is_used_once(kept: Kept) -> None:
    name = kept.spool(bytes(1600))
    with pytest.raises(FileExistsError):
        kept.store.open_spool(name)


@pytest.mark.parametrize("name", ["", ".", "..", "../../etc/passwd", "a" * 32, "a" * 5000, "\0"])
async def test_what_is_no_name_is_unknown(kept: Kept, name: str) -> None:
    assert await kept.store.find(name, PATIENCE_S) is Missing.UNKNOWN


async def test_what_had_just_begun_goes_on_in_its_file(tmp_path: Path) -> None:
    """Whoever takes over finds it, and is then asked to record under this name."""
    async with keeping(tmp_path) as before:
        name = before.spool(tone(1).tobytes())
    after = Kept(tmp_path)
    left = after.store.left_over()
    descriptor = after.store.open_spool(name)
    after.store.finish_all(left)
    os.write(descriptor, tone(1).tobytes())
    os.close(descriptor)
    encoding = asyncio.create_task(after.store.encode_all())
    after.store.finish(name, WHOLE)
    found = await after.finished(name)
    assert len(loudness(found.path)) >= 20
    with pytest.raises(FileExistsError):
        after.store.open_spool(after.spool(b""))
    encoding.cancel()
    await after.store.close()


async def test_one_that_waits_counts_once_it_has_begun(kept: Kept) -> None:
    name = kept.spool(bytes(1600), waits=True)
    assert await kept.store.find(name) is Missing.UNKNOWN
    assert (kept.store.unfinished, kept.store.spooled()) == (0, [name])
    kept.store.begin(name)
    kept.store.begin(name)  # as an earlier process had said
    assert await kept.store.find(name) is Missing.UNFINISHED
    kept.store.finish(name)
    await kept.finished(name)
    assert kept.files() == {f"{name}.mp3"}


async def test_of_one_that_never_began_nothing_is_left(kept: Kept) -> None:
    name = kept.spool(bytes(1600), waits=True)
    kept.store.finish(name, WHOLE)
    assert await kept.store.find(name) is Missing.UNKNOWN
    assert (kept.files(), kept.store.unfinished) == (set(), 0)


async def test_who_takes_over_waits_on(tmp_path: Path) -> None:
    """For one that a call goes on with; what belongs to none is deleted."""
    async with keeping(tmp_path) as before:
        waiting, forgotten = (before.spool(b"", waits=True) for _ in range(2))
        begun = before.spool(bytes(1600), waits=True)
        before.store.begin(begun)
    after = Kept(tmp_path)
    assert (after.store.go_on(waiting), after.store.go_on(begun)) == (True, False)
    assert after.store.left_over() == []
    assert after.files() == {f"{waiting}.prepared", f"{begun}.pcm"}
    descriptor = after.store.open_again(waiting)
    assert descriptor is not None
    os.close(descriptor)
    after.store.finish(waiting)
    assert after.files() == {f"{begun}.pcm"}
    assert after.store.open_again(forgotten) is None
    await after.store.close()


@pytest.mark.parametrize("still", [False, True])
async def test_a_crash_loses_nothing_whose_file_could_not_be_renamed(
    tmp_path: Path, still: bool
) -> None:
    """Samples were written, so it had begun; where it still cannot be renamed, that is tried again."""
    async with keeping(tmp_path) as before:
        name = before.spool(tone(1).tobytes(), waits=True)
    in_its_place = tmp_path / f"{name}.pcm"
    if still:
        in_its_place.mkdir()
    async with keeping(tmp_path) as after:
        assert await after.store.find(name) is Missing.UNFINISHED
        if still:
            in_its_place.rmdir()
        assert sum(loudness((await after.finished(name)).path) > 0.1) in (9, 10)
        assert after.files() == {f"{name}.mp3"}


@pytest.mark.parametrize("written", [False, True])
async def test_one_that_was_not_renamed_ends_in_the_next_process(kept: Kept, written: bool) -> None:
    """Nobody goes on with its call; what the plane had not written yet, it writes until then."""
    second = tone(1).tobytes()
    name = kept.before().spool(second if written else b"", waits=True)
    assert kept.store.go_on(name) is not written
    if not written:
        (kept.directory / f"{name}.prepared").write_bytes(second)
    kept.store.finish(name)
    assert sum(loudness((await kept.finished(name)).path) > 0.1) in (9, 10)
    assert kept.files() == {f"{name}.mp3"}


def test_one_that_goes_while_those_that_are_left_are_counted_is_none(tmp_path: Path) -> None:
    """It is in the list, and not to be found: as a link that leads nowhere always is."""
    before, after = Kept(tmp_path), Kept(tmp_path)
    begun = before.spool(bytes(1600), waits=True)
    (tmp_path / f"{before.store.new().name}.prepared").symlink_to(tmp_path / "gone")
    assert after.store.left_over() == [begun]


async def test_who_takes_over_goes_on_with_one_that_cannot_be_renamed(tmp_path: Path) -> None:
    """Also where nothing was written of it yet: it has just begun."""
    async with keeping(tmp_path) as before:
        name = before.spool(b"", waits=True)
    after = Kept(tmp_path)
    (tmp_path / f"{name}.pcm").mkdir()
    after.store.begin(name)
    assert after.store.left_over() == []
    assert f"{name}.prepared" in after.files()
    await after.store.close()


async def test_a_crash_loses_nothing_that_was_written(tmp_path: Path) -> None:
    async with keeping(tmp_path) as before:  # killed in the middle of recording, and of encoding
        names = [before.spool(tone(1).tobytes()) for _ in range(3)]
    (tmp_path / f"{names[0]}.mp3.part").write_bytes(b"half")
    (tmp_path / "README.pcm").write_bytes(b"not ours")
    async with keeping(tmp_path) as after:
        for name in names:
            found = await after.finished(name)
            assert len(loudness(found.path)) == 10
    assert after.files() == {*(f"{name}.mp3" for name in names), "README.pcm"}


async def test_links_expire_and_files_go(kept: Kept) -> None:
    old, new = kept.spool(bytes(1600)), kept.spool(bytes(1600))
    kept.store.finish(old)
    path = (await kept.finished(old)).path
    os.utime(path, (path.stat().st_mtime - 10,) * 2)
    kept.store.finish(new)
    found = await kept.finished(new)
    assert KEPT_S - 60 < found.left_s <= KEPT_S
    kept.later_s = KEPT_S - 5
    assert await kept.store.find(old) is Missing.EXPIRED
    assert kept.store.delete_expired() == 1
    assert await kept.store.find(old) is Missing.UNKNOWN
    assert (await kept.finished(new)).left_s < 60
    assert kept.files() == {f"{new}.mp3"}


async def test_what_was_lost_is_logged(kept: Kept, logs: list[structlog.typing.EventDict]) -> None:
    name = kept.spool(tone(1).tobytes())
    kept.store.finish(name, RecordingStats(samples=8000, lost=4000, error=errno.ENOSPC))
    assert len(loudness((await kept.finished(name)).path)) == 10
    [entry] = logs
    assert entry["event"] == "recording_incomplete"
    assert (entry["recorded_s"], entry["lost_s"]) == (1.0, 0.5)
    assert entry["error"] == os.strerror(errno.ENOSPC)
    assert name not in str(entry)


class FullDisk(Encoder):
    """Fails until there is room."""

    def __init__(self) -> None:
        super().__init__()
        self.tries = 0
        self.room = False

    def encode(self, spool: Path, mp3: Path) -> None:
        self.tries += 1
        if not self.room:
            raise EncodingFailed("No space left on device")
        super().encode(spool, mp3)


async def test_a_full_disk_is_tried_again_and_logged_once(
    tmp_path: Path, logs: list[structlog.typing.EventDict]
) -> None:
    kept = Kept(tmp_path)
    encoder = FullDisk()
    kept.store = RecordingStore(tmp_path, "http://a", KEPT_S, encoder=encoder, again_s=0.01)
    encoding = asyncio.create_task(kept.store.encode_all())
    name = kept.spool(tone(1).tobytes())
    kept.store.finish(name)
    async with asyncio.timeout(PATIENCE_S):
        while encoder.tries < 3:
            await asyncio.sleep(0.01)
    assert await kept.store.find(name) is Missing.UNFINISHED
    encoder.room = True
    assert len(loudness((await kept.finished(name)).path)) == 10
    assert [entry["event"] for entry in logs] == ["recording_not_encoded"]
    encoding.cancel()
    await kept.store.close()


def test_a_disk_that_fills_up_while_encoding(tmp_path: Path) -> None:
    """In the process itself: the mp3 does not get its name, and the spool stays."""
    spool, mp3 = tmp_path / "a.pcm", tmp_path / "a.mp3"
    spool.write_bytes(os.urandom(2 * 8000 * 60))
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); \
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)); \
from onhook.calls.recordings.encoder_child import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", limit],
        input=f'["{spool}", "{mp3}"]\n',
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert ended.stdout not in ("", '""\n'), ended.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"a.pcm"}
    assert spool.stat().st_size == 2 * 8000 * 60


def test_an_encoder_that_dies_is_replaced(tmp_path: Path) -> None:
    encoder = Encoder()
    for number in range(2):
        spool = tmp_path / f"{number}.pcm"
        spool.write_bytes(tone(1).tobytes())
        encoder.encode(spool, tmp_path / f"{number}.mp3")
        assert encoder._worker is not None
        os.kill(encoder._worker.pid, signal.SIGKILL)
        os.waitid(os.P_PID, encoder._worker.pid, os.WEXITED | os.WNOWAIT)
    encoder.close()
    assert {path.name for path in tmp_path.iterdir()} == {"0.mp3", "1.mp3"}
    with pytest.raises(EncodingFailed):
        encoder.encode(tmp_path / "2.pcm", tmp_path / "2.mp3")


def test_the_encoder_ends_with_the_server() -> None:
    worker = Spawner().start("encoder")
    worker.socket.shutdown(socket.SHUT_WR)
    ended = os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
    worker.close()
    assert ended is not None and (ended.si_code, ended.si_status) == (os.CLD_EXITED, 0)


def test_an_encoder_that_works_is_ended_at_once(tmp_path: Path) -> None:
    """From another thread, while the first one waits for an hour of sound."""
    spool = tmp_path / "0.pcm"
    spool.write_bytes(bytes(2 * 8000 * 3600))
    encoder = Encoder()
    with ThreadPoolExecutor(1) as thread:
        encoding = thread.submit(encoder.encode, spool, tmp_path / "0.mp3")
        while not (tmp_path / "0.mp3.part").exists():
            assert not encoding.done()
        encoder.close()
        with pytest.raises(EncodingFailed, match="ended"):
            encoding.result()
    assert spool.stat().st_size == 2 * 8000 * 3600
    with pytest.raises(EncodingFailed, match="stopping"):
        encoder.encode(spool, tmp_path / "0.mp3")


async def test_a_clock_that_was_set_closes_links_and_deletes_nothing(tmp_path: Path) -> None:
    name = "x" * 32
    mp3 = tmp_path / f"{name}.mp3"
    mp3.write_bytes(b"mp3")  # a moment, before anything runs
    made_at = mp3.stat().st_mtime
    store = RecordingStore(
        tmp_path,
        "http://127.0.0.1",
        KEPT_S,
        now=lambda: made_at + 2 * KEPT_S,
        deletes_by=lambda: made_at + KEPT_S / 2,
    )
    assert store.delete_expired() == 0
    assert await store.find(name) is Missing.EXPIRED
    await store.close()
