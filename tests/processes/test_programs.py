"""The real programs of the table, each with one socket for input and output."""

import contextlib
import json
import os
import select
import signal
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from onhook.processes.programs import PROGRAMS
from onhook.processes.workers import Spawner, Worker
from onhook.speech.downloads.decoding_child import HEADER, KINDS, DecoderReply
from onhook.speech.downloads.kinds import FileKind
from onhook.speech.engines import english_ahead, espeak
from onhook.speech.synthesis.messages import (
    EXPERIMENTAL,
    Answer,
    Kind,
    Step,
    VoiceName,
    packed,
    packed_answer,
    unpacked_answer,
)
from speech.engines.test_plugins import install

PATIENCE_S = 120.0
STUCK_MS = 500
GSM_SILENCE = b"\xd0" + bytes(32)
PLUGIN = """
import numpy as np
from onhook.speech.voices import Sound

class Voice:
    name, version, language, gender, quality = "calm", "1", "sv-SE", "female", "neural"
    def synthesise(self, text):
        print("said where nothing may be said", flush=True)
        return Sound(np.zeros(8_000, np.float32), 8_000)

def voices():
    return [Voice()]
"""


def framed(**job: object) -> bytes:
    text = json.dumps(job).encode()
    return struct.pack(">I", len(text)) + text


def framed_answer(worker: Worker) -> bytes:
    (size,) = struct.unpack(">I", heard(worker, 4))
    return heard(worker, size)


def decoder_answer(worker: Worker) -> bytes:
    outcome, size = HEADER.unpack(heard(worker, HEADER.size))
    return bytes([outcome]) + heard(worker, size)


def spoken(worker: Worker) -> bytes:
    """The next answer that is one, and no sign of life."""
    while True:
        answer = unpacked_answer(framed_answer(worker))
        if answer.kind not in (Kind.ALIVE, Kind.LOGGED):
            return bytes([answer.kind]) + answer.content


def line(worker: Worker) -> bytes:
    found = b""
    while not found.endswith(b"\n"):
        found += heard(worker, 1)
    return found


@dataclass(frozen=True)
class Talk:
    """What is said with a program: a job, and how its answer begins."""

    arguments: list[str]
    job: bytes
    answer: bytes
    read: Callable[[Worker], bytes] = framed_answer
    greeting: bytes = struct.pack(">I", 1) + b"+"


TALKS = {
    "espeak": Talk(espeak._arguments(10.0), framed(voice="fr", text="a"), b"+\0\0\x56\x22"),
    "japanese": Talk(["10"], framed(kana="日本"), b"+" + "ニ".encode()),
    "kokoro": Talk(["/nowhere", "10"], framed(voice="x", phonemes=""), b"+\0\0\x5d\xc0"),
    "pico": Talk(["10"], framed(voice="fr-FR", text="a", levels={}), b"+\0\0\x3e\x80"),
    "plugin": Talk(["calm", "10"], framed(voice="calm", text="a"), b"+\0\0\x1f\x40"),
    "models": Talk(
        ["", ""],
        packed(Step(1, 1, VoiceName("espeak", "nl+f3", "nl", "female"), "a", whole=True)),
        bytes([Kind.LAST]),
        spoken,
        packed_answer(Answer(Kind.READY)),
    ),
    "decoder": Talk(
        ["400000000", "10"],
        HEADER.pack(KINDS.index(FileKind.GSM), len(GSM_SILENCE)) + GSM_SILENCE,
        bytes([DecoderReply.SOUND]),
        decoder_answer,
        HEADER.pack(DecoderReply.READY, 0),
    ),
    "encoder": Talk([], b'["/nowhere.pcm", "/nowhere/at.mp3"]\n', b'"No such file', line, b""),
}


@pytest.fixture(
    params=[
        pytest.param(name, marks=[pytest.mark.slow] if name == "kokoro" else []) for name in TALKS
    ]
)
def program(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def worker(program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    """A worker that is ready."""
    install(tmp_path / "site", "calm", PLUGIN, "calm = calm:voices")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    started = Spawner().start(program, *TALKS[program].arguments)
    try:
        assert heard(started, len(TALKS[program].greeting)) == TALKS[program].greeting
        yield started
        assert not list(home.iterdir())
    finally:
        started.close()


def heard(worker: Worker, count: int) -> bytes:
    """The next of what it says, so many bytes."""
    found = b""
    while len(found) < count:
        assert select.select([worker.socket], [], [], PATIENCE_S)[0], "it says nothing"
        more = worker.socket.recv(count - len(found))
        assert more, "it has ended"
        found += more
    return found


def status_at_end(worker: Worker) -> int:
    """Its exit status, negative for a signal, once it has ended by itself."""
    assert select.select([worker.pidfd], [], [], PATIENCE_S)[0], "it does not end"
    ended = os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
    assert ended is not None
    return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status


def test_each_program_is_talked_to_but_for_the_one_that_says_nothing() -> None:
    assert TALKS.keys() | {"ahead"} == PROGRAMS.keys()


def test_the_program_that_speaks_takes_a_third_argument() -> None:
    """Without it, it is what a switch of an older build asks for."""
    talk = TALKS["models"]
    with contextlib.closing(Spawner().start("models", "", "", EXPERIMENTAL)) as started:
        assert heard(started, len(talk.greeting)) == talk.greeting
        started.socket.sendall(talk.job)
        assert talk.read(started).startswith(talk.answer)


def test_what_english_needs_is_made_ahead_in_silence(tmp_path: Path) -> None:
    with contextlib.closing(Spawner().start("ahead", str(tmp_path / "speech"))) as making:
        assert status_at_end(making) == 0
        assert making.socket.recv(1) == b""
    assert english_ahead.is_there(tmp_path / "speech")


def test_a_program_goes_on_when_everybody_gets_a_signal_and_ends_with_its_input(
    program: str, worker: Worker
) -> None:
    """What a terminal or a service manager sends to all is meant for the server, which finishes calls."""
    talk = TALKS[program]
    for number in (0, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(worker.pid, number)
        worker.socket.sendall(talk.job)
        assert talk.read(worker).startswith(talk.answer)
    worker.socket.shutdown(socket.SHUT_WR)
    assert status_at_end(worker) == 0


def test_a_program_ends_when_nobody_takes_its_answers(program: str, worker: Worker) -> None:
    """Whoever asked it is killed while it waits for room to answer."""
    poll = select.poll()
    poll.register(worker.socket, select.POLLOUT)
    while poll.poll(STUCK_MS):
        worker.socket.send(TALKS[program].job, socket.MSG_DONTWAIT)
    worker.socket.close()
    assert status_at_end(worker) >= 0  # not by its alarm
