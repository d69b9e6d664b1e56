"""The process that speaks, with a voice that does what a text says, sentence by sentence: a program."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from onhook.speech.errors import CannotConvertText
from onhook.speech.synthesis.speaking import Answers, Speaking
from onhook.speech.voices import Catalogue, Gender, Sound


class Scripted:
    """Says a second and a half of tone for a sentence that is no order."""

    engine, version, name, language, gender = "scripted", "1", "test", "en-US", Gender.FEMALE

    def warm(self) -> None:
        pass

    def synthesise(self, text: str) -> Iterator[Sound]:
        for sentence in text.split(". "):
            order, _, rest = sentence.partition(" ")
            match order:
                case "die":
                    os._exit(1)
                case "stop":
                    # Of its own thread, which a signal to the process would let go on for a moment.
                    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
                case "once":  # the order that follows, unless there is a file, which is made
                    path, _, then = rest.partition(" ")
                    if not Path(path).exists():
                        Path(path).touch()
                        yield from self.synthesise(then)
                case "await":
                    while not Path(rest).exists():
                        time.sleep(0.01)
                        yield Sound(np.zeros(0, np.float32), 24_000)
                case "refuse":
                    raise CannotConvertText("No such word.")
                case "work":  # as a model does, with so many megabytes for a moment
                    held = [np.ones(131_072) for _ in range(int(rest))]
                    del held
                    yield Sound(np.zeros(24_000, np.float32), 24_000)
                case "break":
                    raise RuntimeError("with the text in it")
                case _:
                    time_s = np.arange(36_000) / 24_000
                    tone = 0.1 * np.sin(2 * np.pi * (300 + 10 * len(sentence)) * time_s)
                    yield Sound(tone.astype(np.float32), 24_000)


class Quick(Scripted):
    """One that stands in for the slow one."""

    name, language = "quick", "es-ES"


class Slow(Quick):
    """One that others stand in for."""

    name, character_s = "slow", 1.0


def main() -> None:
    own = socket.socket(fileno=os.dup(0))
    os.dup2(2, 1)
    Speaking(Catalogue([Scripted(), Quick()], instead=[Slow()]), Answers(own)).serve(own)
    os._exit(0)


if __name__ == "__main__":
    main()
