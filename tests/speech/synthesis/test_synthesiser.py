"""Speech that is made in a process of its own: several texts at a time, and what dies, hangs and idles."""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from onhook.processes.programs import Program
from onhook.processes.workers import Spawner
from onhook.speech.errors import CannotConvertText, EngineUnavailable
from onhook.speech.installed import installed_voices
from onhook.speech.narrowband import RATE_HZ
from onhook.speech.synthesis import conversation as conversation_module
from onhook.speech.synthesis.synthesiser import SpokenApart, Synthesiser
from onhook.speech.threads import Abandoned
from onhook.speech.utterance import Utterance
from speech.doubles import stand_in
from speech.synthesis.scripted_process import Quick, Scripted, Slow

COMMAND = [sys.executable, str(Path(__file__).with_name("scripted_process.py"))]
BABBLING = """
import sys, time
sys.stdout.buffer.write(bytes([0, 0, 0, 5, 0, 0, 0, 0, 99]))
sys.stdout.buffer.flush()
time.sleep(1000)
"""
PATIENCE_S = 30.0
SENTENCE_S = 1.5
PAGES_A_MB = 2**20 // os.sysconf("SC_PAGE_SIZE")


def synthesiser(idle_s: float = 0.0) -> Synthesiser:
    return Synthesiser(starter=stand_in("models", COMMAND), idle_s=idle_s)


@pytest.fixture
def apart() -> Iterator[Synthesiser]:
    with contextlib.closing(synthesiser()) as apart:
        yield apart


def text(apart: Synthesiser, said: str) -> SpokenApart:
    return apart.utterance(Scripted(), said)


def spoken_s(apart: Synthesiser, said: str) -> float:
    """How long a text lasts that is spoken at once."""
    with contextlib.closing(text(apart, said)) as utterance:
        return len(utterance.whole()) / RATE_HZ


def eventually(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.01)


def of(apart: Synthesiser) -> int:
    """The process that speaks."""
    assert apart.process_id is not None
    return apart.process_id


def faults(pid: int) -> int:
    """How many pages it has got from the kernel."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[7])


def resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) / PAGES_A_MB


def runs(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_a_text_sounds_as_if_it_were_spoken_here(apart: Synthesiser) -> None:
    said = "One. Two two. Three three three"
    there, here = text(apart, said), Utterance(Scripted(), said)
    while not here.over:
        assert not there.over
        assert np.array_equal(there.piece(), here.piece())
    assert there.over
    assert np.array_equal(there.whole(), here.whole())


def test_what_a_sentence_needed_is_kept_for_the_next_and_given_back_after_a_rest(
    apart: Synthesiser,
) -> None:
    spoken_s(apart, "work 100")
    pid, before = of(apart), faults(of(apart))
    spoken_s(apart, "work 100")
    assert faults(pid) - before < 100 * PAGES_A_MB / 2
    eventually(lambda: resident_mb(pid) < 100)


def test_a_long_text_does_not_hold_up_a_short_one(apart: Synthesiser, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as threads:
        long = threads.submit(spoken_s, apart, f"await {tmp_path}/go. Long")
        assert spoken_s(apart, "Short") == SENTENCE_S
        assert not long.done()
        (tmp_path / "go").touch()
        assert long.result(PATIENCE_S) == SENTENCE_S


def test_a_text_whose_process_dies_is_spoken_by_another(apart: Synthesiser, tmp_path: Path) -> None:
    first = apart.process().pid
    assert spoken_s(apart, f"once {tmp_path}/died die. Hello") == SENTENCE_S
    assert apart.process().pid != first


def test_a_text_that_kills_its_process_fails_and_others_do_not(apart: Synthesiser) -> None:
    with pytest.raises(CannotConvertText, match="gave up"):
        spoken_s(apart, "die")
    assert spoken_s(apart, "Hello") == SENTENCE_S


def test_a_text_of_which_a_piece_was_given_out_is_not_begun_anew(
    apart: Synthesiser, tmp_path: Path
) -> None:
    utterance = text(apart, f"Hello. once {tmp_path}/died die. Hello")
    assert len(utterance.piece())
    with pytest.raises(CannotConvertText, match="gave up"):
        utterance.piece()
    assert spoken_s(apart, "Hello") == SENTENCE_S


def test_a_process_that_was_killed_between_two_texts(apart: Synthesiser) -> None:
    assert spoken_s(apart, "Hello") == SENTENCE_S
    killed = apart.process().pid
    os.kill(killed, signal.SIGKILL)
    assert spoken_s(apart, "Hello") == SENTENCE_S
    assert not runs(killed)


def killed_at_its_start(each: Path, *, times: int) -> Synthesiser:
    """One whose processes are killed before they are ready, so many of them once the file `each` is there."""
    start = f'[ -e {each} ] && [ $(wc -l < {each}) -lt {times} ] && echo >> {each} && kill -9 $$; exec "$@"'
    return Synthesiser(starter=stand_in("models", ["sh", "-c", start, "sh", *COMMAND]), idle_s=0)


def test_a_text_whose_process_is_killed_at_its_start_is_spoken_by_another(tmp_path: Path) -> None:
    each = tmp_path / "each"
    each.touch()
    with contextlib.closing(killed_at_its_start(each, times=1)) as apart:
        assert spoken_s(apart, "Hello") == SENTENCE_S
    assert each.read_text() == "\n"


def test_a_text_whose_processes_are_killed_at_their_starts_time_and_again_fails_alone(
    tmp_path: Path,
) -> None:
    each = tmp_path / "each"
    with contextlib.closing(killed_at_its_start(each, times=2)) as apart:
        os.kill(apart.process().pid, signal.SIGKILL)
        eventually(lambda: apart._speaking is None or apart._speaking.ended)
        each.touch()
        with pytest.raises(CannotConvertText, match="gave up"):
            spoken_s(apart, "Hello")
        assert spoken_s(apart, "Hello") == SENTENCE_S


def test_a_process_that_hangs_is_replaced(
    apart: Synthesiser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation_module, "SILENT_S", 3.0)
    hung = apart.process().pid
    assert spoken_s(apart, f"once {tmp_path}/hung stop. Hello") == SENTENCE_S
    assert not runs(hung)
    with pytest.raises(CannotConvertText, match="in time"):
        spoken_s(apart, "stop")


def test_a_process_that_takes_longer_than_that_and_works_is_left_alone(
    apart: Synthesiser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation_module, "SILENT_S", 3.0)
    working = apart.process().pid
    with ThreadPoolExecutor(1) as threads:
        long = threads.submit(spoken_s, apart, f"await {tmp_path}/go. Hello")
        time.sleep(2 * conversation_module.SILENT_S)
        (tmp_path / "go").touch()
        assert long.result(PATIENCE_S) == SENTENCE_S
    assert apart.process().pid == working


def test_a_process_that_babbles_never_gets_ready() -> None:
    babbling = [sys.executable, "-c", BABBLING]
    with (
        contextlib.closing(Synthesiser(starter=stand_in("models", babbling))) as apart,
        pytest.raises(EngineUnavailable, match="before it was ready"),
    ):
        spoken_s(apart, "Hello")


@pytest.mark.parametrize(
    "command", [["/nonexistent"], [sys.executable, "-c", "raise SystemExit(3)"]]
)
def test_what_cannot_be_started_is_the_installations_fault(command: list[str]) -> None:
    with contextlib.closing(Synthesiser(starter=stand_in("models", command))) as apart:
        for _ in range(2):
            with pytest.raises(EngineUnavailable):
                spoken_s(apart, "Hello")
        with pytest.raises(EngineUnavailable):
            apart.warm()


def test_the_first_text_is_spoken_by_who_stood_by(apart: Synthesiser) -> None:
    apart.warm()
    standing_by = apart._standing_by
    assert standing_by is not None
    assert spoken_s(apart, "Hello") == SENTENCE_S
    assert apart.process() is standing_by
    assert apart._standing_by is None


def test_another_stands_by_when_one_was_killed(apart: Synthesiser) -> None:
    apart.warm()
    for _ in range(2):
        killed = apart._standing_by
        assert killed is not None
        os.kill(killed.pid, signal.SIGKILL)
        eventually(lambda killed=killed: apart._standing_by not in (None, killed))  # type: ignore[misc]
        assert not runs(killed.pid)
    assert spoken_s(apart, "Hello") == SENTENCE_S


def test_a_process_that_nobody_needs_goes_and_another_stands_by() -> None:
    with contextlib.closing(synthesiser(idle_s=0.3)) as apart:
        apart.warm()
        with contextlib.closing(text(apart, "Hello")) as utterance:
            assert len(utterance.whole()) / RATE_HZ == SENTENCE_S
            spoke = apart._speaking  # as long as a text is not over
        assert spoke is not None
        eventually(lambda: not runs(spoke.pid))
        eventually(lambda: apart._standing_by is not None)
        standing_by = apart._standing_by
        assert spoken_s(apart, "Hello") == SENTENCE_S
        assert standing_by is not None
        assert not standing_by.ended or not runs(standing_by.pid)


def test_a_process_stays_as_long_as_a_text_is_not_over(tmp_path: Path) -> None:
    with contextlib.closing(synthesiser(idle_s=0.2)) as apart:
        utterance = text(apart, "One. Two")
        assert len(utterance.piece())
        time.sleep(1.0)
        while not utterance.over:
            utterance.piece()
        assert len(utterance.whole()) / RATE_HZ == 2 * SENTENCE_S
        spoke = apart._speaking
        assert spoke is not None
        utterance.close()
        eventually(lambda: not runs(spoke.pid))


def test_what_nobody_waits_for_any_more_leaves_its_thread(
    apart: Synthesiser, tmp_path: Path
) -> None:
    given_up = threading.Event()

    def checkpoint() -> None:
        if given_up.is_set():
            raise Abandoned

    with ThreadPoolExecutor(4) as threads:
        waiting = [
            threads.submit(text(apart, f"await {tmp_path}/never").whole, checkpoint)
            for _ in range(4)
        ]
        given_up.set()
        for each in waiting:
            with pytest.raises(Abandoned):
                each.result(PATIENCE_S)
    assert spoken_s(apart, "Hello") == SENTENCE_S


def test_what_is_wrong_with_a_text_is_told(apart: Synthesiser) -> None:
    with pytest.raises(CannotConvertText, match="No such word"):
        spoken_s(apart, "refuse")


def test_an_engine_that_breaks_is_the_installations_fault_and_its_message_is_not_told(
    apart: Synthesiser,
) -> None:
    with pytest.raises(EngineUnavailable, match="RuntimeError") as told:
        spoken_s(apart, "break")
    assert "with the text" not in str(told.value)
    assert spoken_s(apart, "Hello") == SENTENCE_S


def test_a_voice_that_the_process_does_not_have(apart: Synthesiser) -> None:
    class Gone(Scripted):
        name = "gone"

    with pytest.raises(CannotConvertText):
        apart.utterance(Gone(), "Hello").whole()


def test_nothing_is_left_when_it_is_closed() -> None:
    apart = synthesiser()
    apart.warm()
    with ThreadPoolExecutor(1) as threads:
        speaking = threads.submit(spoken_s, apart, "await /nonexistent")
        eventually(lambda: apart._speaking is not None)
        assert apart._speaking is not None
        pid = apart._speaking.pid
        apart.close()
        with pytest.raises((CannotConvertText, EngineUnavailable)):
            speaking.result(PATIENCE_S)
    eventually(lambda: not runs(pid))
    with pytest.raises(EngineUnavailable):
        spoken_s(apart, "Hello")


def test_who_stands_in_for_a_slow_voice_speaks_and_does_not_wait_for_it(
    apart: Synthesiser, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    with ThreadPoolExecutor(2) as threads:
        slow = [apart.utterance(Slow(), f"await {there}. Hello") for _ in range(2)]
        waiting = [threads.submit(each.whole) for each in slow]
        eventually(lambda: all(each.begun for each in slow))
        assert len(apart.utterance(Quick(), "Hello").whole()) > RATE_HZ
        assert not any(each.done() for each in waiting)
        there.touch()
        assert all(len(each.result(PATIENCE_S)) for each in waiting)


def test_after_a_reload_the_supervisor_of_an_older_build_starts_it() -> None:
    """It stays of the version that was started, and its table knows of two arguments."""
    older = Program("speech", tuple(COMMAND), arguments=("(/.*)?", "(/.*)?"))
    with contextlib.closing(Synthesiser(starter=Spawner({"models": older}), idle_s=0)) as apart:
        assert spoken_s(apart, "Hello") == SENTENCE_S


def test_the_real_program_has_the_voices_of_the_installation() -> None:
    with (
        contextlib.closing(Synthesiser(starter=Spawner(), idle_s=0)) as apart,
        installed_voices() as catalogue,
    ):
        apart.warm()
        standing_by = apart._standing_by
        assert standing_by is not None
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(standing_by.pid, number)
        for voice in (catalogue.find("en", "female"), catalogue.find("de", "male")):
            here = Utterance(voice, "Good day").whole()
            there = apart.utterance(voice, "Good day").whole()
            assert abs(len(here) - len(there)) < RATE_HZ / 10
            assert np.abs(there).max() > 1000
        assert apart.process() is standing_by
