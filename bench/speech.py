"""How long a caller waits for speech, and what the workers that make it come to need.

    .venv/bin/python bench/speech.py [--calls 50] [--messages 10000] [--parts waits crowd memory]

`waits`: a ringing call is hung up with a message; from the moment before the request is written to the
first RTP packet, which carries the kernel's time stamp. Messages are new (random words, so nothing of
them is cached) or the same once more; of 10 words and of 60, which begin to play when their first
sentence is ready; in the two English voices, in a statistical and in a formant one. `crowd`: 20 such
calls, all of whose requests are sent together, each with a message of its own. Both go through a
server with an empty data directory.

`memory`: what each kind of worker needs after 100 messages, and after `--messages`; engines as the
server uses them, driven without it, because 10,000 calls would take hours. Slow engines get a
part of them. The neural engines are no processes of their own: their row is this process.

Figures are printed as a table, and written as JSON to bench/out/speech.json.
"""

import argparse
import contextlib
import io
import logging
import os
import random
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import structlog
from bench.called import PROBE
from bench.caller import Caller, Script
from bench.figures import Figures, Row, number, pair, save, table
from bench.latency import NewMessages, Samples
from bench.machine import busy_now
from bench.rig import OUT, BenchError, Rig, raise_file_limit, rig

from onhook.speech.downloads.decoding import Decoders
from onhook.speech.downloads.kinds import FileKind
from onhook.speech.installed import installed_voices
from onhook.speech.utterance import Utterance
from onhook.speech.voices import Voice

_WARM_UP = 3
_CROWD = 20
_SENTENCE = 10
_PATIENCE_S = 60.0
_SETTLED = 100  # messages after which a worker has loaded what it needs
_BUSY = 0.2

VOICES = {
    "neural female": 'language="en" gender="female"',
    "neural male": 'language="en" gender="male"',
    "statistical": 'language="de" gender="female"',
    "formant": 'language="nl" gender="female"',
}
WORDS = (10, 60)


class Speech:
    """Messages in a voice, in sentences of ten words; none comes twice. ``seed`` is that of `NewMessages`."""

    def __init__(self, seed: int | None = None) -> None:
        self._new = NewMessages(seed)

    def text(self, words: int) -> str:
        """The next text."""
        return " ".join(self._new.one() for _ in range(words // _SENTENCE))

    def msg(self, voice: str, words: int) -> str:
        """The next message."""
        return f"<speech {VOICES[voice]}>{self.text(words)}</speech>"


@contextlib.contextmanager
def _caller(running: Rig) -> Iterator[Caller]:
    with Caller(running.server, running.account) as caller:
        running.account.add_number(PROBE, caller.url)
        speech, samples = Speech(), Samples()
        for voice in VOICES:
            scripts = [
                first_packet(caller, samples, "warm", speech.msg(voice, 10))
                for _ in range(_WARM_UP)
            ]
            caller.perform(scripts, patience_s=_PATIENCE_S)
        caller.failures.clear()
        yield caller


def first_packet(
    caller: Caller,
    samples: Samples,
    name: str,
    msg: str,
    together: Callable[[], bool] = lambda: True,
) -> Script:
    """A ringing call is hung up with a message, once `together` says so: request to first packet."""
    call = caller.place(PROBE)
    yield lambda: "ringing" in call.times_ns
    due_s = time.monotonic() + random.uniform(0.005, 0.015)
    yield lambda: time.monotonic() >= due_s and together()
    request = caller.request("ivr/end/hangup", session=call.session, msg=msg, notify_url=caller.url)
    yield lambda: "audio" in call.times_ns
    samples.add(name, request.sent_ns, call.times_ns["audio"])
    yield lambda: bool(request.status)
    caller.request("ivr/end/hangup", session=call.session, force="enabled", notify_url=caller.url)
    yield lambda: "ended" in call.times_ns


def waits(calls: int) -> tuple[Figures, list[Row]]:
    """One call after another."""
    samples, speech = Samples(), Speech()
    with rig() as running, _caller(running) as caller:
        for voice in VOICES:
            for words in WORDS:
                msgs = [speech.msg(voice, words) for _ in range(calls)]
                for state in ("new", "cached"):
                    name = f"{voice}, {words} words, {state}"
                    for msg in msgs:
                        script = first_packet(caller, samples, name, msg)
                        caller.perform([script], patience_s=_PATIENCE_S)
                    _make_the_rest(running, msgs)
        failures = sorted(set(caller.failures))
    figures = samples.figures()
    rows = [(f"{name}, p50 / p99", pair(figures, name)) for name in samples.times]
    return {**figures, "failures": failures}, [*rows, ("failed", str(len(failures)))]


def _make_the_rest(running: Rig, msgs: Sequence[str]) -> None:
    """The calls were cut off, and with them what was still being spoken."""
    command = [sys.executable, "-m", "onhook", "prompt", "warm", "-"]
    command += ["--data", str(running.account.data)]
    subprocess.run(command, input="\n".join(msgs).encode(), check=True, stdout=subprocess.DEVNULL)


def crowd(rounds: int = 5) -> tuple[Figures, list[Row]]:
    """Requests that come together."""
    samples, speech = Samples(), Speech()
    with rig() as running, _caller(running) as caller:
        for voice in VOICES:
            for words in WORDS:
                for _ in range(rounds):
                    _crowd(caller, samples, speech, voice, words)
        failures = sorted(set(caller.failures))
    figures = samples.figures()
    rows = [(f"{name}, p50 / p99", pair(figures, name)) for name in samples.times]
    return {**figures, "failures": failures}, [*rows, ("failed", str(len(failures)))]


def _crowd(caller: Caller, samples: Samples, speech: Speech, voice: str, words: int) -> None:
    due_s = time.monotonic() + 1.5

    def together() -> bool:
        return time.monotonic() >= due_s

    name = f"{_CROWD} at once, {voice}, {words} words"
    scripts = [
        first_packet(caller, samples, name, speech.msg(voice, words), together)
        for _ in range(_CROWD)
    ]
    caller.perform(scripts, at_once=_CROWD, patience_s=_PATIENCE_S)


def memory(messages: int) -> tuple[Figures, list[Row]]:
    """What is needed after few messages and after many."""
    speech, found = Speech(), {}
    with installed_voices() as catalogue, contextlib.closing(Decoders()) as decoders:
        shares = {"neural female": 20, "neural male": 100, "statistical": 5, "formant": 1}
        for voice, share in shares.items():
            language, gender = VOICES[voice].replace('"', "").split()
            speaker = catalogue.find(language.partition("=")[2], gender.partition("=")[2])
            found[voice] = grown(_speak(speaker, speech), messages // share)
        found["recordings"] = grown(_decode(decoders), messages)
    figures: Figures = {
        f"{what}_{key}": value for what, row in found.items() for key, value in row.items()
    }
    rows = [
        (
            f"{what}: {row['messages']} messages, {number(row['message_ms'])} ms each",
            f"this process {_change(row, 'own')}, workers {_change(row, 'workers')}",
        )
        for what, row in found.items()
    ]
    return figures, rows


def _change(row: dict[str, float | int], whose: str) -> str:
    return f"{number(row[f'{whose}_before_mb'])} -> {number(row[f'{whose}_after_mb'])} MB"


def _speak(voice: Voice, speech: Speech) -> Callable[[], None]:
    def one() -> None:
        Utterance(voice, speech.text(10)).whole()

    return one


def _decode(decoders: Decoders) -> Callable[[], None]:
    def one() -> None:
        file = io.BytesIO()
        with wave.open(file, "wb") as out:
            out.setparams((1, 2, 44_100, 0, "NONE", ""))
            out.writeframes(random.randbytes(2 * 4_410))
        decoders.decode(file.getvalue(), FileKind.WAV)

    return one


def grown(one: Callable[[], None], messages: int) -> dict[str, float | int]:
    """Memory in MB of this process and its workers, after some messages and after all."""
    for _ in range(_SETTLED):
        one()
    (own_before, workers_before), began_s = _resident_mb(), time.monotonic()
    for _ in range(messages):
        one()
    took_ms = (time.monotonic() - began_s) * 1000
    own_after, workers_after = _resident_mb()
    return {
        "messages": messages,
        "message_ms": took_ms / max(1, messages),
        "own_before_mb": own_before,
        "own_after_mb": own_after,
        "workers_before_mb": workers_before,
        "workers_after_mb": workers_after,
    }


def _resident_mb() -> tuple[float, float]:
    """Of this process, and of its children together."""
    children = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    pids = [int(pid) for file in children for pid in file.read_text().split()]
    return _of_process_mb(os.getpid()), sum(map(_of_process_mb, pids))


def _of_process_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


_PARTS: dict[str, tuple[str, Callable[[argparse.Namespace], tuple[Figures, list[Row]]]]] = {
    "waits": ("Request to first packet", lambda options: waits(options.calls)),
    "crowd": ("Request to first packet, many together", lambda options: crowd(options.rounds)),
    "memory": ("Memory of what makes prompts", lambda options: memory(options.messages)),
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=50, help="for each kind of message")
    parser.add_argument("--rounds", type=int, default=5, help="of 20 calls at once")
    parser.add_argument("--messages", type=int, default=10_000, help="for each worker")
    parser.add_argument("--parts", nargs="*", choices=list(_PARTS), default=list(_PARTS))
    options = parser.parse_args(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    raise_file_limit()
    busy = busy_now()
    if busy > _BUSY:
        print(f"This machine is busy already ({busy:.0%}): the figures will be too high.")
    result: dict[str, object] = {"busy_before": busy}
    for part in options.parts:
        title, measure = _PARTS[part]
        try:
            figures, rows = measure(options)
        except BenchError as error:
            print(f"{title}: {error}", file=sys.stderr)
            return 1
        result[part] = figures
        print(table(title, rows), flush=True)
    save(OUT / "speech.json", result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
