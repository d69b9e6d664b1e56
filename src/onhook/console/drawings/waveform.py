"""How loud a recording is, from its begin to its end, as a drawing.

An mp3 is read by a program of a moment (`peaks.py`): the process that has the calls loads no decoder, and its
event loop does none of it. What was drawn is remembered.
"""

import asyncio
import contextlib
import json
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Final

from onhook.flights import Flights

_REMEMBERED: Final = 100
_DEADLINE_S: Final = 20.0
_WIDTH: Final = 600
_HEIGHT: Final = 64
_AT_ONCE: Final = 1


class Waveforms:
    """Draws recordings, each once however many ask, and one at a time. Use it on one event loop."""

    def __init__(self) -> None:
        self._drawn: OrderedDict[str, str | None] = OrderedDict()
        self._flights: Flights[str | None] = Flights()
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def of(self, path: Path) -> str | None:
        """The SVG of an mp3; None if it cannot be read."""
        key = path.name
        if key not in self._drawn:
            drawing = await self._flights.join(key, lambda: self._draw(path))
            self._drawn[key] = drawing
            if len(self._drawn) > _REMEMBERED:
                self._drawn.popitem(last=False)
        return self._drawn[key]

    async def _draw(self, path: Path) -> str | None:
        async with self._turn:
            peaks = await _peaks(path)
        return None if peaks is None else svg(peaks)


async def _peaks(path: Path) -> list[float] | None:
    """From 0 to 1, of equal parts of it."""
    program = ("-m", "onhook.console.drawings.peaks", str(path))
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *program,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(_DEADLINE_S):
            said, _ = await child.communicate()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()
        return None
    if child.returncode != 0:
        return None
    return [min(1.0, max(0.0, float(one))) for one in json.loads(said)]


def svg(peaks: list[float]) -> str:
    """The drawing, as a file of its own: it takes no colours of the page, so it has one for any ground."""
    step = _WIDTH / max(1, len(peaks))
    bars = "".join(
        f"M{number * step + step / 2:.1f} {_HEIGHT / 2 - one * 30 - 0.5:.1f}v{one * 60 + 1:.1f}"
        for number, one in enumerate(peaks)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}"><path d="{bars}" stroke="#2a9d8f" stroke-width="{step * 0.6:.2f}"/></svg>'
    )
