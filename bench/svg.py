"""Two kinds of plots as SVG, which is text: lines over an axis, and bars in groups. Pure."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

Points = Sequence[tuple[float, float]]

_WIDTH, _HEIGHT = 640, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 44, 72
COLOURS = ("#1f6feb", "#d1570a", "#2da44e", "#8250df", "#bf3989", "#6e7781", "#0a7d91", "#9a6700")
_BAR, _GAP = 20, 10
_LETTER = 6.7
"""How wide one is, about."""


@dataclass(frozen=True, slots=True)
class Line:
    """A named series of points; a dashed one is a limit, or something to compare with."""

    name: str
    points: Points
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """What is on an axis, from 0 or, logarithmic, from the power of ten below the least."""

    title: str
    logarithmic: bool = False

    def ticks(self, values: Sequence[float]) -> list[float]:
        """Where the axis is marked; the first and the last are its ends."""
        if self.logarithmic:
            low = math.floor(math.log10(min(values)))
            high = math.ceil(math.log10(max(values)) - 1e-9)
            return [10.0**power for power in range(low, max(high, low + 1) + 1)]
        step = nice_step(max(values))
        return [step * number for number in range(math.ceil(max(values) / step - 1e-9) + 1)]

    def place(self, value: float, ticks: Sequence[float]) -> float:
        """0 at the first tick, 1 at the last."""
        low, high = ticks[0], ticks[-1]
        if self.logarithmic:
            return (math.log10(value) - math.log10(low)) / (math.log10(high) - math.log10(low))
        return (value - low) / (high - low)


def nice_step(most: float) -> float:
    """1, 2 or 5 times a power of ten, so that some five of them reach `most`."""
    if most <= 0:
        return 1.0
    power: float = 10.0 ** math.floor(math.log10(most / 5))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor * 5 >= most * 0.999)


def line_plot(title: str, x: Axis, y: Axis, lines: Sequence[Line]) -> str:
    """Lines with their points marked. ValueError without any point."""
    points = [point for line in lines for point in line.points]
    if not points:
        raise ValueError(f"there is nothing to draw: {title}")
    x_ticks, y_ticks = (axis.ticks([p[i] for p in points]) for i, axis in enumerate((x, y)))
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def at_x(value: float) -> float:
        return _LEFT + x.place(value, x_ticks) * width

    def at_y(value: float) -> float:
        return _TOP + (1 - y.place(value, y_ticks)) * height

    return _document(
        title,
        _HEIGHT,
        [
            *_grid(x_ticks, y_ticks, at_x, at_y),
            _text(_LEFT + width / 2, _HEIGHT - 36, x.title, "middle"),
            _text(_LEFT - 48, _TOP - 10, y.title),
            *(part for place, line in enumerate(lines) for part in _line(place, line, at_x, at_y)),
            *_legend([line.name for line in lines], _HEIGHT - 14),
        ],
    )


def _grid(
    x_ticks: Sequence[float],
    y_ticks: Sequence[float],
    at_x: Callable[[float], float],
    at_y: Callable[[float], float],
) -> list[str]:
    found = []
    for tick in x_ticks:
        found.append(_rule(at_x(tick), _TOP, at_x(tick), _HEIGHT - _BOTTOM))
        found.append(_text(at_x(tick), _HEIGHT - _BOTTOM + 16, written(tick), "middle"))
    for tick in y_ticks:
        found.append(_rule(_LEFT, at_y(tick), _WIDTH - _RIGHT, at_y(tick)))
        found.append(_text(_LEFT - 6, at_y(tick) + 4, written(tick), "end"))
    return found


def _line(
    place: int, line: Line, at_x: Callable[[float], float], at_y: Callable[[float], float]
) -> list[str]:
    colour = COLOURS[place % len(COLOURS)]
    points = [(at_x(a), at_y(b)) for a, b in line.points]
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
    dashes = ' stroke-dasharray="5 4"' if line.dashed else ""
    found = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>']
    if not line.dashed:
        found += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in points]
    return found


def bar_plot(
    title: str, unit: str, groups: Sequence[tuple[str, Sequence[tuple[str, float]]]]
) -> str:
    """Bars that lie, in groups with a heading and a colour each, all on one scale. ValueError without any."""
    rows = [row for _, group in groups for row in group]
    if not rows or max(size for _, size in rows) <= 0:
        raise ValueError(f"there is nothing to draw: {title}")
    left = 24 + _LETTER * max(len(name) for name, _ in rows)
    scale = (_WIDTH - left - 80) / max(size for _, size in rows)
    drawn: list[str] = []
    y = _TOP
    for place, (heading, group) in enumerate(groups):
        drawn.append(_text(16, y + 4, heading))
        y += _BAR
        for name, size in group:
            drawn.append(_text(left - 8, y + 4, name, "end"))
            drawn.append(
                f'<rect x="{left:.1f}" y="{y - 8}" width="{size * scale:.1f}" height="{_BAR - 5}" '
                f'fill="{COLOURS[place % len(COLOURS)]}"/>'
            )
            drawn.append(_text(left + size * scale + 6, y + 4, f"{size:.3g} {unit}"))
            y += _BAR
        y += _GAP
    return _document(title, y, drawn)


def written(tick: float) -> str:
    """A tick for a person."""
    return f"{tick:,.0f}" if tick >= 100 or tick == int(tick) else f"{tick:.4g}"


def _legend(names: Sequence[str], y: float) -> list[str]:
    found, room = [], (_WIDTH - 40) / max(3, len(names))
    for place, name in enumerate(names):
        x = 24 + place * room
        colour = COLOURS[place % len(COLOURS)]
        found.append(f'<rect x="{x:.0f}" y="{y - 9:.0f}" width="10" height="10" fill="{colour}"/>')
        found.append(_text(x + 15, y, name))
    return found


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#d0d7de"/>'


def _document(title: str, height: float, parts: Sequence[str]) -> str:
    """On white, so that it can be read on a dark page too."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" '
            f'width="{_WIDTH}" height="{height:.0f}" font-family="sans-serif" font-size="12" '
            'fill="#24292f">',
            f"<title>{escape(title)}</title>",
            '<rect width="100%" height="100%" fill="#ffffff"/>',
            f'<text x="16" y="20" font-size="14" font-weight="bold">{escape(title)}</text>',
            *parts,
            "</svg>\n",
        ]
    )
