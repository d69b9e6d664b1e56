"""A call by hand: what the caller hears is printed, and what is typed is pressed.

Time stands still while somebody thinks: it passes until nothing is said any more, and then waits for a line.
"""

import re
import socket
import time
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import urlsplit

from onhook.simulator.heard import Transcript
from onhook.simulator.phone import Phone
from onhook.simulator.simulator import Simulator

HELP: Final = (
    "Type keys (0-9, *, #) to press them, s and words to say something, h to hang up, or nothing to "
    "wait for what comes next."
)
_KEYS: Final = re.compile(r"[0-9*#A-D]+", re.ASCII)
_QUIET_S: Final = 0.5
"""Silence for so long is that of somebody who waits for an answer."""
_WAITS_S: Final = 600.0
_LOOK_S: Final = 0.05


class NobodyListens(Exception):
    """The application cannot be reached; the message says where."""


def await_application(url: str, patience_s: float) -> None:
    """Returns once somebody takes connections at the host and port of a URL. Raises NobodyListens."""
    parts = urlsplit(url)
    place = (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
    until_s = time.monotonic() + patience_s
    while True:
        try:
            socket.create_connection(place, timeout=1).close()
        except OSError as error:
            if time.monotonic() >= until_s:
                raise NobodyListens(f"Nobody listens at {url}: {error}.") from error
            time.sleep(_LOOK_S)
        else:
            return


class Conversation:
    """One call to the application of a simulator. ``say`` prints a line; ``all_of_it``: also what the
    application is told and asks for."""

    def __init__(
        self, simulator: Simulator, say: Callable[[str], None], *, all_of_it: bool = False
    ) -> None:
        self._simulator = simulator
        self._say = say
        self._all_of_it = all_of_it
        self._said = 0

    def run(self, number: str, caller: str, typed: Iterator[str]) -> None:
        """Calls the number, and does what is typed, a line each, until the call is over. Behind the last line
        the call goes on until it ends by itself."""
        leg = self._simulator.call(number, caller, {})
        call = Phone(self._simulator).of(leg)
        line = leg.line
        self._listen(line.transcript, lambda: call.is_over)
        while not call.is_over:
            text = next(typed, None)
            if text is None:
                self._simulator.wait(lambda: call.is_over, _WAITS_S)
                call.hang_up()
            elif text == "h":
                call.hang_up()
            elif _KEYS.fullmatch(text):
                call.press(text)
            elif text.startswith("s "):
                call.says(text[2:])
            elif text:
                self._say(HELP)
                continue
            else:
                heard, now = len(line.transcript.sounds), line.state
                self._simulator.wait(
                    lambda heard=heard, now=now: (  # type: ignore[misc]
                        len(line.transcript.sounds) > heard or line.state is not now
                    ),
                    _WAITS_S,
                )
            self._listen(line.transcript, lambda: call.is_over)
        self._simulator.wait(lambda: self._simulator.cost(line.session) is not None, _WAITS_S)
        self._tell()
        if (bill := self._simulator.cost(line.session)) is not None:
            self._say(f"{call.duration_s:.1f} s, {bill[1]} {bill[0]}")

    def _listen(self, heard: Transcript, is_over: Callable[[], bool]) -> None:
        """Lets time pass until nothing new is said."""
        self._simulator.wait(
            lambda: is_over() or (self._simulator.is_quiet() and heard.is_still(_QUIET_S)), _WAITS_S
        )
        self._tell()

    def _tell(self) -> None:
        lines = self._simulator.happened_since(self._said)
        self._said += len(lines)
        for one in lines:
            if self._all_of_it or " s  application " not in one:
                self._say(one)
