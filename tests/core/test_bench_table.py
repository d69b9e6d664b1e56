"""``bench/rows.py``, ``written.py``, ``report.py``: from the runs of some rounds to what is read."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from bench.figures import Spread
from bench.report import BEGIN, END, between, measured, write
from bench.rows import ROWS, Row, Run, at, cell, failures, with_calls
from bench.written import as_markdown, as_text, lines

ABOUT = {
    "began": "2026-01-01 10:00",
    "cores": 2,
    "processor": "some",
    "memory_gib": 8,
    "kernel": "6",
}


def run(
    measure: str, round_: int = 1, engine: str = "onhook", others: float = 0.0, **figures: Any
) -> Run:
    return Run(measure, engine, round_, figures, others)


def row_named(title: str) -> Row:
    return next(row for row in ROWS if row.title.startswith(title))


def test_a_row_is_the_least_the_median_and_the_most_of_its_rounds() -> None:
    runs = [
        run("complete", number, calls_a_second=rate)
        for number, rate in ((1, 450), (2, 400), (3, 475))
    ]
    found = cell(row_named("complete calls a second, the highest"), "onhook", runs)
    assert found is not None
    assert found.spread == Spread(400, 450, 475, 3)
    assert not found.busy


def test_what_was_not_measured_is_no_zero() -> None:
    row = row_named("idle: CPU")
    assert cell(row, "onhook", []) is None
    assert cell(row, "onhook", [run("idle", idle_cpu_percent=None)]) is None
    assert cell(row, "onhook", [run("idle", engine="asterisk", idle_cpu_percent=1.0)]) is None


def test_a_row_is_marked_when_the_machine_was_busy_in_half_of_its_rounds() -> None:
    row = row_named("idle: CPU")
    runs = [run("idle", number, others=share, idle_cpu_percent=0.4)
            for number, share in enumerate((0.0, 0.3, 0.0), 1)]  # fmt: skip
    found = cell(row, "onhook", runs)
    assert found is not None
    assert not found.busy
    found = cell(row, "onhook", runs[:2])
    assert found is not None
    assert found.busy


def test_a_ratio_is_of_the_same_round() -> None:
    runs = [
        run("complete", 1, calls_a_second=400),
        run("postgresql", 1, calls_a_second=200),
        run("complete", 2, calls_a_second=500),
        run("postgresql", 2, calls_a_second=400),
        run("postgresql", 3, calls_a_second=400),
    ]
    found = cell(row_named("the same, to SQLite's"), "onhook", runs)
    assert found is not None
    assert (found.spread.least, found.spread.most, found.spread.rounds) == (0.5, 0.8, 2)


def test_only_a_level_that_passed_counts() -> None:
    levels = [{"calls": 100, "pass": True, "x": 1.0}, {"calls": 500, "pass": False, "x": 2.0}]
    assert with_calls(100, "x")({"levels": levels}) == 1.0
    assert with_calls(500, "x")({"levels": levels}) is None
    assert with_calls(100, "x")({}) is None
    assert at("best.x")({"best": None}) is None


def test_promises_are_kept_at_their_edge_and_not_beyond() -> None:
    more, less = row_named("complete calls a second, the highest"), row_named("idle: CPU")
    assert (more.met(450, 450), more.met(449, 450)) == (True, False)
    assert (less.met(0.5, 0.5), less.met(0.51, 0.5)) == (True, False)
    assert less.met(1, None) is None


def test_the_table_has_what_was_before_the_peer_and_the_ratio() -> None:
    runs = [
        run("complete", calls_a_second=450),
        run("complete", engine="asterisk", calls_a_second=300),
        run("killed", calls_lost=500, packets_lost=4000, answered_again_s=0.8),
    ]
    table = lines(runs, [run("complete", calls_a_second=225)])
    assert table[1][1:] == ("450", "225", "300", "1.50", "450: yes", "600: no")
    assert [line[0] for line in table[2:]] == [
        "the switch killed, 500 calls playing: calls lost",
        "packets lost",
        "until a request is answered again, s",
    ]
    assert table[2][5] == "0: no"
    assert as_text(table).splitlines()[1].split()[-4:] == ["450:", "yes", "600:", "no"]
    assert as_markdown(table).splitlines()[1] == "|---|---|---|---|---|---|---|"


def test_a_run_survives_its_json() -> None:
    one = run("complete", 2, others=0.05, calls_a_second=450)
    assert Run.read(asdict(one)) == one


def test_what_failed_is_said() -> None:
    failed = Run("relay", "onhook", 2, {}, error="it took longer than 90 s, and was ended")
    assert failures([failed]) == [
        "relay of onhook, round 2: it took longer than 90 s, and was ended"
    ]
    assert failures([failed])[0] in measured(ABOUT, [failed], [], [])


def test_the_page_keeps_what_a_person_wrote(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"# Ours\n{BEGIN}\nold\n{END}\nmore\n")
    write(tmp_path, ABOUT, [run("complete", calls_a_second=450)], [])
    text = page.read_text()
    assert text.startswith("# Ours\n")
    assert text.endswith("\nmore\n")
    assert "old" not in text
    assert "| 450 |" in text
    with pytest.raises(ValueError, match="measured: begin"):
        between("no marks", "x")


def test_what_only_we_promise_is_not_asked_of_the_peer() -> None:
    figures: dict[str, Any] = {"reply_beyond_flush_p50_ms": -0.4}
    row = row_named("the reply beyond a flush, p50")
    assert cell(row, "asterisk", [run("hangup", engine="asterisk", **figures)]) is None
    assert cell(row, "onhook", [run("hangup", **figures)]) is not None
