"""The steps of a call as a ladder: a line for each side, an arrow for each message. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from markupsafe import Markup

from onhook.calls.story.steps import Step, brief, lanes_of
from onhook.console.drawings.text import plain

_LEFT: Final = 110
_GAP: Final = 250
_ROW: Final = 26
_TOP: Final = 44
_CHARS: Final = 34
_MOST: Final = 300
"""So many steps are drawn; the list below has all."""
_KINDS: Final = frozenset({"sip", "request", "reply", "refused", "notification"})


def ladder(steps: Sequence[Step]) -> Markup:
    """The drawing; empty where nobody told anybody anything."""
    drawn = [step for step in steps if step.to and step.kind in _KINDS][:_MOST]
    if not drawn:
        return Markup("")
    lanes = lanes_of(drawn)
    at = {name: _LEFT + _GAP * number for number, name in enumerate(lanes)}
    width, height = _LEFT + _GAP * (len(lanes) - 1) + 110, _TOP + _ROW * len(drawn) + 12
    parts = [Markup('<title id="ladder-title">Who told whom what, in order</title>')]
    for name, x in at.items():
        parts.append(
            Markup('<line class="lane" x1="{0}" x2="{0}" y1="30" y2="{1}"/>'
                   '<text class="side" x="{0}" y="20" text-anchor="middle">{2}</text>')
            .format(x, height, name)
        )  # fmt: skip
    for number, step in enumerate(drawn):
        parts.append(_arrow(step, at, _TOP + _ROW * number + _ROW // 2))
    return Markup(
        '<svg class="ladder" role="img" aria-labelledby="ladder-title" viewBox="0 0 {0} {1}" '
        'width="{0}" height="{1}">{2}</svg>'
    ).format(width, height, Markup("").join(parts))


def _arrow(step: Step, at: dict[str, int], y: int) -> Markup:
    begin, end = at[step.of], at[step.to]
    tip = end - 7 if end > begin else end + 7
    text = plain(brief(step))
    shown = text if len(text) <= _CHARS else f"{text[: _CHARS - 1]}…"
    clock = datetime.fromtimestamp(step.at_us / 1_000_000, UTC)
    return Markup(
        '<g class="{kind}"><title>{whole}</title>'
        '<text class="time" x="6" y="{low}">{time}</text>'
        '<line x1="{begin}" x2="{tip}" y1="{y}" y2="{y}"/>'
        '<path d="M{end} {y}L{tip} {up}V{down}Z"/>'
        '<text x="{middle}" y="{above}" text-anchor="middle">{shown}</text></g>'
    ).format(
        kind=step.kind,
        whole=text,
        time=f"{clock:%M:%S}.{clock.microsecond // 1000:03}",
        begin=begin,
        end=end,
        tip=tip,
        y=y,
        up=y - 4,
        down=y + 4,
        low=y + 4,
        middle=(begin + end) // 2,
        above=y - 5,
        shown=shown,
    )
