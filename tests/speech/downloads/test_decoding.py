"""Files that do their worst to the process that decodes them, and processes that do theirs."""

import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from onhook.speech.downloads.decoding import Decoders
from onhook.speech.downloads.kinds import FileKind
from onhook.speech.errors import DecoderNotStarted, InvalidFileFormat, InvalidFileSize
from onhook.speech.level import levelled
from onhook.speech.threads import Abandoned
from speech.doubles import stand_in, wav

GSM_SILENCE = b"\xd0" + bytes(32)
LYING = wav(0.1)[:40] + b"\xfe\xff\xff\xff" + wav(0.1)[44:]
"""A wav whose header promises 4 GB."""

Make = Callable[..., Decoders]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[Decoders] = []

    def make_one(command: list[str] | None = None, **limits: Any) -> Decoders:
        starter = None if command is None else stand_in("decoder", command)
        made.append(Decoders(starter, **{"deadline_s": 60.0, **limits}))
        return made[-1]

    yield make_one
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    """Real ones, shared by the tests that leave them whole."""
    shared = Decoders()
    yield shared
    shared.close()


def scripted(body: str) -> list[str]:
    """A process that says it is ready, reads the head of a request, and then does `body`."""
    start = "import sys, time, os; w = lambda b: os.write(1, b); w(bytes(5)); os.read(0, 5);"
    return [sys.executable, "-c", start + body]


def processes(decoders: Decoders) -> list[int]:
    """The ids of the processes that wait for work."""
    return [decoder._worker.pid for decoder in decoders._idle]


def test_a_recording_comes_back_levelled(decoders: Decoders) -> None:
    sound = np.random.default_rng(1).integers(-9000, 9000, 20_001).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, sound, 8_000, format="WAV")
    pcm = decoders.decode(file.getvalue(), FileKind.WAV)
    assert pcm.format == "h"
    np.testing.assert_array_equal(pcm, levelled(sound))


def test_a_process_is_used_again(decoders: Decoders) -> None:
    decoders.warm()
    before = processes(decoders)
    assert len(before) == 1
    for _ in range(3):
        decoders.decode(wav(0.1), FileKind.WAV)
    with pytest.raises(InvalidFileFormat, match="content is not"):
        decoders.decode(b"<html>", FileKind.MP3)
    with pytest.raises(InvalidFileFormat, match=r"named \.mp3"):
        decoders.decode(wav(0.1), FileKind.MP3)
    assert processes(decoders) == before


def test_a_header_that_lies_costs_nothing(decoders: Decoders) -> None:
    decoders.warm()
    before = processes(decoders)
    assert len(decoders.decode(LYING, FileKind.WAV)) == 4_000
    assert processes(decoders) == before


def test_more_than_an_hour_in_a_small_file_is_refused(decoders: Decoders) -> None:
    with pytest.raises(InvalidFileSize, match="60 minutes"):
        decoders.decode(GSM_SILENCE * (3601 * 50), FileKind.GSM)


def test_a_file_that_needs_too_much_memory_is_refused(make: Make) -> None:
    """Five minutes of silence are 30 kB of mp3, and more sound than this process may hold."""
    file = io.BytesIO()
    soundfile.write(file, np.zeros(8_000 * 300), 8_000, format="MP3")
    decoders = make(memory_bytes=1024 * 1024)
    with pytest.raises(InvalidFileFormat, match="too much time or memory"):
        decoders.decode(file.getvalue(), FileKind.MP3)
    assert processes(decoders) == []
    assert len(decoders.decode(wav(0.1), FileKind.WAV)) == 4_000  # by another process


def test_a_process_that_was_killed_is_replaced_unnoticed(make: Make) -> None:
    decoders = make()
    decoders.warm()
    (pid,) = processes(decoders)
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert len(decoders.decode(wav(0.1), FileKind.WAV)) == 4_000
    assert processes(decoders) != [pid]


def test_signals_for_the_server_do_not_end_a_process(make: Make) -> None:
    decoders = make()
    decoders.warm()
    before = processes(decoders)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(before[0], number)
    assert len(decoders.decode(wav(0.1), FileKind.WAV)) == 4_000
    assert processes(decoders) == before


@pytest.mark.parametrize(
    ("what", "script"),
    [
        ("crashes at once", "os.abort()"),
        ("crashes in its reply", "w(b'\\1\\0\\0\\1\\0' + bytes(99)); os._exit(0)"),
        ("closes its output", "os.close(0); os.close(1); time.sleep(60)"),
        ("has an unknown reply", "w(b'\\7\\0\\0\\0\\0'); time.sleep(60)"),
        ("promises too much sound", "w(b'\\1\\xff\\xff\\xff\\xff'); time.sleep(60)"),
        ("promises a long sentence", "w(b'\\2\\0\\1\\0\\0'); time.sleep(60)"),
        ("has no sound", "w(b'\\1\\0\\0\\0\\0'); time.sleep(60)"),
        ("has half a sample", "w(b'\\1\\0\\0\\0\\1x'); time.sleep(60)"),
    ],
)
def test_the_file_of_a_process_that_fails_is_refused(make: Make, what: str, script: str) -> None:
    decoders = make(scripted(script))
    with pytest.raises(InvalidFileFormat):
        decoders.decode(wav(0.1, 60), FileKind.WAV)
    assert processes(decoders) == [], what


@pytest.mark.parametrize("script", ["time.sleep(60)", "\nwhile True: pass"])
def test_a_process_that_hangs_is_killed(make: Make, script: str) -> None:
    decoders = make(scripted(script), deadline_s=0.2)
    with pytest.raises(InvalidFileFormat):
        decoders.decode(wav(0.1, 60), FileKind.WAV)
    assert processes(decoders) == []


def test_a_hanging_process_ends_itself_when_nobody_is_left(make: Make) -> None:
    """The alarm is the last resort: here it comes before an hour of sound is decoded."""
    decoders = make(spare_s=-59)
    with pytest.raises(InvalidFileFormat):
        decoders.decode(GSM_SILENCE * (3599 * 50), FileKind.GSM)


def test_work_that_nobody_waits_for_ends_with_its_process(make: Make) -> None:
    decoders = make(scripted("time.sleep(60)"))
    looks = iter(range(5))

    def checkpoint() -> None:
        if next(looks, None) is None:
            raise Abandoned

    with pytest.raises(Abandoned):
        decoders.decode(wav(0.1), FileKind.WAV, checkpoint)
    assert processes(decoders) == []


@pytest.mark.parametrize("command", [["/nonexistent"], [sys.executable, "-c", "print('hello')"]])
def test_no_process_is_no_fault_of_the_file(make: Make, command: list[str]) -> None:
    with pytest.raises(DecoderNotStarted):
        make(command).decode(wav(0.1), FileKind.WAV)


def test_close_ends_the_processes() -> None:
    decoders = Decoders()
    decoders.warm()
    (pid,) = processes(decoders)
    decoders.close()
    assert not Path(f"/proc/{pid}").exists()
