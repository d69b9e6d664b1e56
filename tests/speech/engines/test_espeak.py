"""Workers of the formant engine that die, hang and talk nonsense; and that they end."""

import importlib.util
import os
import signal
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from onhook.processes.workers import Spawner
from onhook.speech.engines import espeak as espeak_module
from onhook.speech.engines.espeak import Espeak
from onhook.speech.errors import CannotConvertText, EngineUnavailable, WorkerDied
from onhook.speech.workers.process import WorkerProcess
from speech import doubles

JOB_S = 3.0
"""How long a text may take where one takes for ever: enough for the others on a busy machine."""

STAND_IN = """
import json, os, struct, sys, time
def answer(message):
    sys.stdout.buffer.write(struct.pack(">I", len(message)) + message)
    sys.stdout.buffer.flush()
answer(b"+")
while head := sys.stdin.buffer.read(4):
    job = json.loads(sys.stdin.buffer.read(struct.unpack(">I", head)[0]))
    match job["text"]:
        case "die":
            os._exit(1)
        case "die halfway":
            sys.stdout.buffer.write(struct.pack(">I", 100) + b"+half")
            sys.stdout.buffer.flush()
            os._exit(1)
        case "hang":
            time.sleep(1000)
        case "babble":
            answer(b"?")
        case "flood":
            sys.stdout.buffer.write(struct.pack(">I", 0xFFFFFFFF))
            sys.stdout.buffer.flush()
        case "refuse":
            answer(b"-too long")
        case _:
            answer(b"+" + struct.pack(">I", os.getpid()) + b"ok")
"""


def started_as(command: list[str]) -> Spawner:
    return doubles.stand_in("espeak", command)


def stand_in(job_s: float = 30.0, workers: int = 1) -> Espeak:
    return Espeak(workers, job_s, starter=started_as([sys.executable, "-I", "-S", "-c", STAND_IN]))


def asked_pid(engine: Espeak) -> int:
    """The process that answers."""
    pid, said = engine.speak("any", "hello")
    assert said == b"ok"
    return pid


@pytest.fixture
def engine() -> Iterator[Espeak]:
    engine = stand_in()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def real() -> Iterator[Espeak]:
    engine = Espeak()
    yield engine
    engine.close()


def gone(pid: int) -> bool:
    """Whether a child has ended and been waited for; a zombie would still be there."""
    return not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("text", ["die", "die halfway", "babble", "flood"])
def test_a_worker_that_fails_is_replaced_and_only_its_message_is_lost(
    engine: Espeak, text: str
) -> None:
    before = asked_pid(engine)
    with pytest.raises(CannotConvertText, match="gave up") as raised:
        engine.speak("any", text)
    assert text not in raised.value.detail
    assert gone(before)
    assert asked_pid(engine) != before


def test_a_hung_worker_is_ended_at_its_deadline() -> None:
    engine = stand_in(job_s=JOB_S)
    try:
        before = asked_pid(engine)
        with pytest.raises(CannotConvertText, match="in time"):
            engine.speak("any", "hang")
        assert gone(before)
        assert asked_pid(engine) != before
    finally:
        engine.close()


def test_a_worker_that_takes_no_more_input_is_ended_at_its_deadline() -> None:
    engine = stand_in(job_s=JOB_S)
    try:
        pid = asked_pid(engine)
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(CannotConvertText, match="in time"):
            engine.speak("any", "x" * 1_000_000)  # more than a socket holds
        assert gone(pid)
    finally:
        engine.close()


def test_a_worker_killed_while_idle_costs_no_message(engine: Espeak) -> None:
    before = asked_pid(engine)
    os.kill(before, signal.SIGKILL)
    os.waitid(os.P_PID, before, os.WEXITED | os.WNOWAIT)
    assert asked_pid(engine) != before
    assert gone(before)


def test_a_refusal_is_the_messages_fault_and_keeps_the_worker(engine: Espeak) -> None:
    before = asked_pid(engine)
    with pytest.raises(CannotConvertText):
        engine.speak("any", "refuse")
    assert asked_pid(engine) == before


def test_closing_ends_every_worker_and_then_nothing_is_started() -> None:
    engine = stand_in(workers=2)
    engine.warm()
    engine.warm()
    pids = {asked_pid(engine)}
    engine.close()
    assert all(map(gone, pids))
    with pytest.raises(EngineUnavailable):
        engine.speak("any", "hello")
    engine.close()


def test_several_threads_share_the_workers() -> None:
    engine = stand_in(workers=2)
    try:
        with ThreadPoolExecutor(6) as threads:
            warmed = [threads.submit(engine.warm) for _ in range(3)]
            pids = set(threads.map(lambda _: asked_pid(engine), range(40)))
            for one in warmed:
                one.result()
        assert 1 <= len(pids) <= 2
    finally:
        engine.close()


@pytest.mark.parametrize(
    "command", [["/nonexistent/interpreter"], [sys.executable, "-c", "raise SystemExit(3)"]]
)
def test_an_engine_that_cannot_be_started_is_the_installations_fault(command: list[str]) -> None:
    engine = Espeak(1, starter=started_as(command))
    with pytest.raises(EngineUnavailable):
        engine.speak("any", "hello")
    with pytest.raises(EngineUnavailable):
        engine.warm()
    engine.close()


def test_a_missing_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(EngineUnavailable, match="espeakng-loader"):
        Espeak(1).warm()


def test_an_inexact_voice_is_refused_instead_of_the_previous_one(real: Espeak) -> None:
    real.speak("fr+f3", "bonjour")
    for voice in ("fr-fr+f3", "zh+m3", "zh-HK+m3", "en-gb", "nonsense"):
        with pytest.raises(CannotConvertText):
            real.speak(voice, "bonjour")


def test_speech_without_end_is_cut_short_and_refused(real: Espeak) -> None:
    with pytest.raises(CannotConvertText):
        real.speak("fr+f3", "a" * 60_000)
    assert real.speak("fr+f3", "bonjour")[1]


@pytest.mark.parametrize(
    "text", ["a\x00b", "a\x01b", "a\x1b[2Jb", "a\ud800b", "", "\x00", "\u200d"]
)
def test_unusual_characters_do_no_harm(real: Espeak, text: str) -> None:
    rate_hz, pcm = real.speak("fr+f3", text)
    assert rate_hz == 22_050
    assert len(pcm) < 22_050 * 2 * 5


def test_what_follows_a_nul_is_spoken(real: Espeak) -> None:
    _, whole = real.speak("fr+f3", "bonjour\x00madame et messieurs")
    _, part = real.speak("fr+f3", "bonjour")
    assert len(whole) > 2 * len(part)


def test_phonemes_are_one_string_a_clause(real: Espeak) -> None:
    found = real.phonemes("en-us", ["Thank you", "for calling, sir", ""])
    assert found[0] == "θˈæŋk juː"
    assert len(found) == 3
    assert found[2] == ""


def test_the_real_worker_survives_a_signal_to_its_group_and_ends_with_its_input() -> None:
    started = Spawner().start("espeak", *espeak_module._arguments(10.0))
    worker = WorkerProcess(started)
    try:
        assert worker.greeting(30.0) == b"+"
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(worker.pid, number)
        assert worker.ask(b'{"voice": "fr", "text": "a"}', 30.0)[:1] == b"+"
        started.socket.shutdown(socket.SHUT_WR)
        with pytest.raises(WorkerDied):
            worker.greeting(30.0)
    finally:
        worker.close()


def test_the_real_worker_ends_itself_when_nobody_does() -> None:
    directory, _alarm_s, longest_s = espeak_module._arguments(10.0)
    worker = WorkerProcess(Spawner().start("espeak", directory, "0.001", longest_s))
    try:
        assert worker.greeting(30.0) == b"+"
        with pytest.raises(WorkerDied):
            worker.ask(b'{"voice": "fr", "text": "' + b"a" * 60_000 + b'"}', 30.0)
    finally:
        worker.close()
