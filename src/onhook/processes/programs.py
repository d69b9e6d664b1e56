"""The programs that do work for the server: how each is started, and what it sees of us."""

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).absolute().parents[1]
_LOCALE: Final = {"LC_ALL": "C.UTF-8"}
_SETTINGS: Final = "ONHOOK_"

_NUMBER: Final = r"[0-9]+(\.[0-9]+)?"
_PATH: Final = r"/[^\0]*"
_PATH_OR_NONE: Final = r"(/[^\0]*)?"
_WORD_OR_NONE: Final = r"[a-z]*"
_ENTRY_POINT: Final = r"[^\0]+"

Environment = Callable[[Mapping[str, str]], dict[str, str]]
"""What a program gets of our environment."""


def nothing(_ours: Mapping[str, str]) -> dict[str, str]:
    """A locale, and a home where no library can keep anything, such as a number for this machine."""
    return {**_LOCALE, "HOME": os.devnull}


def everything(ours: Mapping[str, str]) -> dict[str, str]:
    """Ours, with its settings and keys: for programs that the operator brings."""
    return {**ours, **_LOCALE}


def without_settings(ours: Mapping[str, str]) -> dict[str, str]:
    """Ours without our settings, which may be secret, and with the way to this package."""
    kept = {name: value for name, value in ours.items() if not name.startswith(_SETTINGS)}
    ways = filter(None, ours.get("PYTHONPATH", "").split(os.pathsep))
    path = os.pathsep.join([str(_PACKAGE.parent), *map(os.path.abspath, ways)])
    return {**kept, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True)
class Program:
    """A program that answers through one socket, which is its standard input and output.

    `start` is how its command begins; `arguments` has a regular expression for each that follows, and
    `optional` for those that may follow them. The switch that asks may be of an older build or of a newer
    one: a program that has been released takes what it took, and gets new arguments as optional ones.
    """

    role: str
    """What it is called in `onhook status`."""
    start: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    environment: Environment = nothing

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The whole command. Raises `ValueError` for arguments that it does not take."""
        forms = (*self.arguments, *self.optional)
        if not len(self.arguments) <= len(arguments) <= len(forms):
            most = f" to {len(forms)}" if self.optional else ""
            raise ValueError(
                f"it takes {len(self.arguments)}{most} arguments, not {len(arguments)}"
            )
        for place, (form, argument) in enumerate(zip(forms, arguments, strict=False), 1):
            if not re.fullmatch(form, argument, re.DOTALL):
                raise ValueError(f"it does not take {argument!r} as argument {place}")
        return [*self.start, *arguments]


def _module(name: str) -> tuple[str, ...]:
    return (sys.executable, "-P", "-m", name)


PROGRAMS: Final[Mapping[str, Program]] = {
    # An interpreter that sees no package: the program is under another license, and shares no code with us.
    "espeak": Program(
        "speech",
        (sys.executable, "-I", "-S", str(_PACKAGE / "speech" / "workers" / "espeak.py")),
        arguments=(_PATH, _NUMBER, _NUMBER),
    ),
    "japanese": Program("speech", _module("onhook.speech.workers.japanese"), arguments=(_NUMBER,)),
    "kokoro": Program(
        "speech", _module("onhook.speech.workers.kokoro"), arguments=(_PATH, _NUMBER)
    ),
    "pico": Program("speech", _module("onhook.speech.workers.pico"), arguments=(_NUMBER,)),
    "plugin": Program(
        "speech",
        _module("onhook.speech.workers.plugin"),
        arguments=(_ENTRY_POINT, _NUMBER),
        environment=everything,
    ),
    # It starts the five above in its turn; plugins see what they always saw.
    "models": Program(
        "speech",
        _module("onhook.speech.synthesis.program"),
        arguments=(_PATH_OR_NONE, _PATH_OR_NONE),
        optional=(_WORD_OR_NONE,),
        environment=everything,
    ),
    "ahead": Program("speech", _module("onhook.speech.engines.english_ahead"), arguments=(_PATH,)),
    "decoder": Program(
        "decoder",
        _module("onhook.speech.downloads.decoding_child"),
        arguments=(_NUMBER, _NUMBER),
        environment=without_settings,
    ),
    "encoder": Program(
        "encoder",
        _module("onhook.calls.recordings.encoder_child"),
        environment=without_settings,
    ),
}
"""By name. Whoever asks for a worker names one of these, and nothing else can be started."""
