"""The steps of a call as a ladder of characters. Pure."""

import textwrap
from collections.abc import Callable, Iterator, Sequence

from onhook.calls.story.steps import Step, brief, lanes_of

NARROW, WIDE = 80, 120
_TIME = 13
"""Characters of ``14:03:20.123`` and a blank."""
_EDGE = 5
"""From the first lane to the left, and from the last one to the right: half of a name."""


_NOTED = 3
"""Lines of a note."""


def ladder(steps: Sequence[Step], columns: int, time_of: Callable[[int], str]) -> Iterator[str]:
    """The lines, none longer than ``columns``; ``time_of`` writes a moment (µs since the epoch)."""
    lanes = lanes_of(steps)
    room = max(NARROW, min(columns, WIDE)) - _TIME
    gap = (room - 2 * _EDGE - 1) // (len(lanes) - 1)
    at = {name: _EDGE + gap * number for number, name in enumerate(lanes)}
    yield " " * _TIME + _heading(at, room)
    for step in steps:
        time = time_of(step.at_us)
        for drawn in _drawn(step, at, room):
            yield f"{time:<{_TIME}}{drawn}".rstrip()
            time = ""


def _heading(at: dict[str, int], room: int) -> str:
    line = [" "] * room
    for name, place in at.items():
        first = min(max(0, place - len(name) // 2), room - len(name))
        line[first : first + len(name)] = name
    return "".join(line).rstrip()


def _drawn(step: Step, at: dict[str, int], room: int) -> Iterator[str]:
    """A line, or as many as a note takes."""
    text = "".join(
        char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in brief(step)
    )
    if step.to:
        yield _arrow(step, text, at)
        return
    first = at[step.of] + 1
    noted = textwrap.wrap(
        f"* {text}", room - first, subsequent_indent="  ", max_lines=_NOTED, placeholder="…"
    )
    for part in noted:
        line = _lanes(at, room)
        line[first : first + len(part)] = part
        yield "".join(line)


def _lanes(at: dict[str, int], room: int) -> list[str]:
    line = [" "] * room
    for place in at.values():
        line[place] = "|"
    return line


def _arrow(step: Step, text: str, at: dict[str, int]) -> str:
    line = _lanes(at, max(at.values()) + 1)
    left, right = sorted((at[step.of], at[step.to]))
    line[left + 1 : right] = "-" * (right - left - 1)
    to_the_right = at[step.to] == right
    line[right - 1 if to_the_right else left + 1] = ">" if to_the_right else "<"
    label = f" {_fit(text, right - left - 7)} "
    first = left + (right - left - len(label)) // 2 + 1
    line[first : first + len(label)] = label
    return "".join(line)


def _fit(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: max(0, room - 1)]}…"
