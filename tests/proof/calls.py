"""Every voice says its lines in real calls, and what the phone heard is kept."""

import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from acceptance.asking import OK
from acceptance.harness import Customer, Onhook
from onhook.testing.phone import Phone
from onhook.testing.phone_call import PhoneCall
from onhook.testing.receiver import Receiver
from proof import formant_beside
from proof.sentences import lines

WAIT_S: Final = 300.0
"""How long a call may take; the slowest engine on a busy machine needs a minute."""

_SPEAKERS: Final = ("onhook.speech.synthesis", "onhook.speech.workers", "workers/espeak.py")
_TICKS_S: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Speaker:
    """A row of `onhook voices`."""

    language: str
    gender: str
    engine: str
    quality: str
    licence: str
    asked_as: str = ""
    """The language in a message, where that is another."""

    @classmethod
    def of(cls, row: Mapping[str, object]) -> Self:
        """That of a row."""
        return cls(
            *(str(row[name]) for name in ("language", "gender", "engine", "quality", "licence"))
        )

    @property
    def key(self) -> str:
        """What its figures are kept under."""
        return f"{self.language} {self.gender} {self.engine}"


@dataclass(frozen=True, slots=True)
class Heard:
    """What the phone recorded of a line, and the wait for it."""

    said: str
    pcm: npt.NDArray[np.float32]
    first_audio_s: float


@dataclass(frozen=True, slots=True)
class Spoken:
    """All lines of one voice; CPU is of all processes that speak."""

    heard: tuple[Heard, ...]
    cpu_s: float
    memory_mb: float


@asynccontextmanager
async def server(settings: Mapping[str, str]) -> AsyncIterator[Customer]:
    """A server with a customer; the formant engine is there under tags of its own."""
    with _plugin() as path:
        running = Onhook(settings, environment={"PYTHONPATH": path})
        try:
            async with Receiver() as receiver, Phone() as phone:
                yield await Customer.make(running, receiver, phone)
        finally:
            running.close()


async def speak(customer: Customer, speaker: Speaker) -> Spoken:
    """Each line in a call of its own. The next one is asked for when the one before is made, and plays."""
    pids = _speaking(customer.server)
    before = sum(map(_cpu_s, pids))
    playing = [
        await _asked(customer, speaker, asked, said) for asked, said in lines(speaker.language)
    ]
    heard = tuple([await _heard(*one) for one in playing])
    pids = _speaking(customer.server)
    cpu_s = sum(map(_cpu_s, pids)) - before
    return Spoken(heard, cpu_s, sum(map(_memory_mb, pids)))


async def say_one(customer: Customer, those: Sequence[Speaker], line: int) -> list[Heard]:
    """One line of each, which play side by side."""
    playing = [await _asked(customer, speaker, *lines(speaker.language)[line]) for speaker in those]
    return [await _heard(*one) for one in playing]


async def _asked(
    customer: Customer, speaker: Speaker, asked: str, said: str
) -> tuple[PhoneCall, str, float]:
    """The call that will hear it, what that is, and when it was asked for."""
    call, told = await customer.call()
    language = speaker.asked_as or speaker.language
    msg = f'<speech language="{language}" gender="{speaker.gender}">{asked}</speech>'
    began_s = time.monotonic()
    reply = await customer.hangup(told["session"], msg=msg)
    assert reply == OK, f"{speaker.key}: {reply}"
    return call, said, began_s


async def _heard(call: PhoneCall, said: str, began_s: float) -> Heard:
    await call.ended(timeout_s=WAIT_S)
    first_s = call.recording.first_packet_s
    assert first_s is not None
    pcm = (call.recording.pcm() / 32768).astype(np.float32)
    return Heard(said, pcm, first_s - began_s)


def _speaking(running: Onhook) -> Sequence[int]:
    """The processes that speak: those below the server's that run a program of speech."""
    found, waiting = [], [running.process.pid]
    while waiting:
        pid = waiting.pop()
        try:
            command = Path(f"/proc/{pid}/cmdline").read_text()
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                waiting += map(int, children.read_text().split())
        except OSError:
            continue
        if any(program in command for program in _SPEAKERS):
            found.append(pid)
    return found


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS_S


def _memory_mb(pid: int) -> float:
    try:
        rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(row.split()[1]) for row in rows if row.startswith("Pss:")) / 1024


@contextmanager
def _plugin() -> Iterator[str]:
    """What `PYTHONPATH` has to be for servers to find the formant engine as a plugin."""
    tests = Path(__file__).parents[1]
    with TemporaryDirectory() as site:
        info = Path(site, f"{formant_beside.PACKAGE}-1.dist-info")
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {formant_beside.PACKAGE}\nVersion: 1\n"
        )
        point = f"{formant_beside.PACKAGE} = {formant_beside.__name__}:voices"
        (info / "entry_points.txt").write_text(f"[onhook.voices]\n{point}\n")
        ways = [site, str(tests), *filter(None, [os.environ.get("PYTHONPATH")])]
        yield os.pathsep.join(ways)
