"""``bench/svg.py``, ``plots.py``, ``sizing.py``: from figures to plots, and to machines."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Any

import pytest
from bench import plots
from bench.rows import Run
from bench.sizing import CALLS, Measured, cpu_a_minute, sizes
from bench.svg import Axis, Line, bar_plot, line_plot, nice_step

SVG = "{http://www.w3.org/2000/svg}"
PLAYING = ((100, 0.02), (1000, 0.015))


def level(calls: int, cost: float, passed: bool = True) -> dict[str, Any]:
    return {"calls": calls, "pass": passed, "cpu_s_per_call_minute": cost, "gap_p99_ms": 21.0,
            "memory_mib_playing": 200 + calls / 10}  # fmt: skip


def played(round_: int, levels: Sequence[dict[str, Any]], engine: str = "onhook") -> Run:
    return Run("playing", engine, round_, {"levels": list(levels)})


@pytest.mark.parametrize(
    ("most", "step"), [(4.9, 1), (5, 1), (6, 2), (30, 10), (0.018, 0.005), (5000, 1000), (0, 1)]
)
def test_axes_are_marked_at_round_figures(most: float, step: float) -> None:
    assert nice_step(most) == pytest.approx(step)


def test_the_ends_of_an_axis_are_around_all_that_is_on_it() -> None:
    even, by_powers = Axis("ms"), Axis("calls", logarithmic=True)
    assert even.ticks([3, 12]) == [0, 5, 10, 15]
    assert by_powers.ticks([10, 5000]) == [10, 100, 1000, 10000]
    assert by_powers.ticks([7, 7]) == [1, 10]
    assert by_powers.place(100, [10, 100, 1000]) == pytest.approx(0.5)


def test_points_are_where_their_figures_say() -> None:
    text = line_plot("a < b", Axis("x"), Axis("y"), [Line("one", [(0, 0), (10, 20)])])
    drawn = ET.fromstring(text)
    dots = [
        (float(dot.get("cx", "")), float(dot.get("cy", ""))) for dot in drawn.iter(f"{SVG}circle")
    ]
    (left, low), (right, high) = dots
    assert right - left == pytest.approx(640 - 64 - 16, abs=0.2)
    assert low - high == pytest.approx(360 - 44 - 72, abs=0.2)
    assert "a < b" in [one.text for one in drawn.iter(f"{SVG}text")]


def test_bars_are_as_long_as_what_they_stand_for() -> None:
    text = bar_plot("CPU", "ms", [("one", [("a", 3), ("b", 1)]), ("two", [("c", 2)])])
    bars = [rect for rect in ET.fromstring(text).iter(f"{SVG}rect") if rect.get("x")]
    widths = [float(bar.get("width", "")) for bar in bars]
    assert widths[0] == pytest.approx(3 * widths[1], abs=0.2)
    assert widths[2] == pytest.approx(2 * widths[1], abs=0.2)
    assert bars[0].get("fill") == bars[1].get("fill") != bars[2].get("fill")


def test_nothing_is_not_drawn() -> None:
    with pytest.raises(ValueError, match="nothing to draw"):
        line_plot("none", Axis("x"), Axis("y"), [])
    with pytest.raises(ValueError, match="nothing to draw"):
        bar_plot("none", "ms", [])
    assert plots.all_of([]) == {}


def test_a_point_is_the_median_of_the_rounds_that_passed() -> None:
    runs = [
        played(1, [level(100, 0.02), level(1000, 0.015)]),
        played(2, [level(100, 0.03), level(1000, 9, passed=False)]),
        played(3, [level(100, 0.022)]),
        played(1, [level(100, 0.14)], engine="asterisk"),
    ]
    found = plots.levels(runs, "playing", "onhook", "calls", "cpu_s_per_call_minute")
    assert found == [(100, 0.022), (1000, 0.015)]
    drawn = plots.all_of(runs)
    assert set(drawn) == {"growth-gap.svg", "growth-cpu.svg", "memory.svg"}
    for svg in drawn.values():
        assert ET.fromstring(svg).tag == f"{SVG}svg"


def test_small_parts_are_drawn_together() -> None:
    figures = {
        "by_process": {"switch": 2.0, "plane": 0.5},
        "by_part": {"onhook.phone": 1.0, "onhook.calls": 0.98, "idna": 0.01, "yarl": 0.01},
        "steps": {"INVITE to 180": 4.0},
    }
    drawn = plots.all_of([Run("breakdown", "onhook", 1, figures)])
    assert set(drawn) == {"call-cpu.svg", "call-waits.svg"}
    assert "the rest" in drawn["call-cpu.svg"]
    assert "idna" not in drawn["call-cpu.svg"]


def test_a_call_costs_what_it_does_among_the_next_fewer() -> None:
    assert cpu_a_minute(100, PLAYING) == 0.02
    assert cpu_a_minute(999, PLAYING) == 0.02
    assert cpu_a_minute(1000, PLAYING) == 0.015
    assert cpu_a_minute(50, PLAYING) == 0.02


def test_a_machine_is_half_idle_and_has_memory_to_spare() -> None:
    found = {size.calls: size for size in sizes(Measured(3.0, PLAYING, 300, 40, 450, 4500))}
    assert set(found) == set(CALLS)
    thousand = found[1000]
    assert thousand.a_second == pytest.approx(16.7)
    assert thousand.cores_used == pytest.approx(1000 / 60 * 0.003 + 1000 * 0.015 / 60, abs=0.01)
    assert thousand.cores == 1
    assert thousand.memory_mib == pytest.approx(300 + 1000 * 40 / 1024 * 1.5 + 512)
    assert thousand.mbit == 87.2
    assert thousand.servers == 1


def test_what_is_too_much_for_one_server_takes_more_of_them() -> None:
    found = {size.calls: size for size in sizes(Measured(3.0, PLAYING, 300, 40, 450, 4500))}
    assert found[2000].servers == 1
    assert found[4000].servers == 2
    # of short calls, the switch has too much to do before the plane does
    short = {
        size.calls: size for size in sizes(Measured(3.0, PLAYING, 300, 40, 450, 4500), call_s=5)
    }
    assert short[2000].servers == 2
