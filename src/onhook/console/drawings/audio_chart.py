"""What the audio of a leg sounded like while the call went on, each way, as a drawing. Pure."""

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from onhook.calls.story.audio import Stretch

_WIDTH: Final = 640
_HEIGHT: Final = 120
_LEFT: Final = 36
_BEST: Final = 4.5
_WORST: Final = 1.0


def audio_chart(stretches: Sequence[Stretch]) -> Markup:
    """A line for what came from the phone, and one for what it says it received: MOS, from 1 to 4.5."""
    if not stretches:
        return Markup("")
    first, last = stretches[0].at_us, stretches[-1].at_us
    across = max(1, last - first)

    def place(one: Stretch, mos: float) -> str:
        x = _LEFT + (_WIDTH - _LEFT - 8) * (one.at_us - first) / across
        return f"{x:.0f},{_y(mos):.0f}"

    came = [place(one, one.quality.received.mos) for one in stretches]
    went = [place(one, one.quality.sent.mos) for one in stretches if one.quality.sent is not None]
    grid = [
        Markup('<line class="grid" x1="{}" x2="{}" y1="{y:.0f}" y2="{y:.0f}"/>'
               '<text class="scale" x="4" y="{t:.0f}">{m}</text>')
        .format(_LEFT, _WIDTH - 8, y=_y(mos), t=_y(mos) + 4, m=mos)
        for mos in (1, 2, 3, 4)
    ]  # fmt: skip
    worst = min(one.quality.received.mos for one in stretches)
    return Markup(
        '<svg class="chart" role="img" viewBox="0 0 {} {}" aria-label="{}">{}{}{}</svg>'
    ).format(
        _WIDTH,
        _HEIGHT,
        f"How well the phone was heard, as MOS; at its worst {worst:.1f}",
        Markup("").join(grid),
        _line("received", came),
        _line("sent", went),
    )


def _y(mos: float) -> float:
    return 8 + (_HEIGHT - 16) * (_BEST - min(_BEST, max(_WORST, mos))) / (_BEST - _WORST)


def _line(name: str, places: Sequence[str]) -> Markup:
    if not places:
        return Markup("")
    if len(places) == 1:
        x, _, y = places[0].partition(",")
        return Markup('<circle class="{}" cx="{}" cy="{}" r="3"/>').format(name, x, y)
    return Markup('<polyline class="{}" points="{}"/>').format(name, " ".join(places))
