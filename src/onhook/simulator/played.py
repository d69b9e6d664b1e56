"""What a call has heard, as the trace of a server says it: which message began to play, and how it ended."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from onhook.simulator.heard import Kind, Sound
from onhook.simulator.line import Line
from onhook.store.traces import Entry

_BEGINS: Final = "plays "
_LASTS: Final = re.compile(r",(?: at least)? (\d+\.\d) s$", re.ASCII)
_PART: Final = re.compile(
    r'(speech \([^)]*\)|a file) "(.*?)"(?=, (?:speech \(|a file ")|$)', re.DOTALL
)
_AGAIN: Final = " again and again"
_KEYS: Final = "the keys "
_CUT: Final = re.compile(r"cut off after (\d+\.\d) s(?: of (\d+\.\d))?", re.ASCII)
_TONES: Final = {"ring back": "the ring back"}


class Played:
    """Has the line of a call hear what the trace of that says."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._read = 0
        self._going_on: list[Sound] = []

    def update(self, entries: Sequence[Entry]) -> None:
        """The trace is like this now; what was read before is there once more."""
        played = [one for one in entries if one.kind == "played"]
        for entry in played[self._read :]:
            self._take(entry.said.decode(errors="replace"))
        self._read = len(played)

    def _take(self, said: str) -> None:
        if said.startswith(_BEGINS):
            self._end()
            what = said.removeprefix(_BEGINS)
            lasts = _LASTS.search(what)
            length_s = float(lasts[1]) if lasts else 0.0
            for kind, text in _sounds(_LASTS.sub("", what).removesuffix(_AGAIN)):
                self._going_on.append(self._line.hears(kind, text, length_s))
        elif (cut := _CUT.match(said)) is not None:
            self._end(float(cut[1]))
        else:
            self._end()

    def _end(self, cut_after_s: float | None = None) -> None:
        """What goes on is over: to its end, or cut off when so much of all of it was heard."""
        going_on, self._going_on = self._going_on, []
        for sound in going_on:
            self._line.heard(sound, cut=cut_after_s is not None)
            if cut_after_s is not None:
                sound.ended_s = sound.begun_s + cut_after_s


def _sounds(what: str) -> Iterator[tuple[Kind, str]]:
    parts = _PART.findall(what)
    if parts:
        for how, text in parts:
            yield (Kind.RECORDING if how == "a file" else Kind.SPEECH), text
    elif what.startswith(_KEYS):
        yield Kind.KEYS, what.removeprefix(_KEYS)
    else:
        yield Kind.TONE, _TONES.get(what, what)
