"""What ``make soak`` makes of what it saw."""

import math
import random
from collections import Counter
from pathlib import Path

import pytest
from bench.soak.memory import Slope, slope
from bench.soak.state import files_left
from bench.soak.verdict import Left, Verdict, left_behind, told

MIB = 2**20


def _samples(at: list[float]) -> list[tuple[float, float]]:
    return [(place * 5.0, value) for place, value in enumerate(at)]


def _noise(level: float, width: float, count: int = 300) -> list[float]:
    chance = random.Random(7)
    return [level + chance.uniform(-width, width) for _ in range(count)]


def test_memory_that_stays_where_it_is_does_not_grow_however_it_jumps() -> None:
    found = slope(_samples(_noise(100 * MIB, 3 * MIB)))
    assert found is not None and not found.grows


def test_memory_that_fills_a_cache_and_stays_there_does_not_grow() -> None:
    filling = [100 * MIB - 60 * MIB * math.exp(-place / 20) for place in range(300)]
    found = slope(_samples(filling))
    assert found is not None and not found.grows


@pytest.mark.parametrize("width", [0.0, MIB / 4])
def test_a_leak_of_a_few_hundred_bytes_a_call_shows(width: float) -> None:
    """100 calls a second for 25 minutes, 200 bytes each."""
    leaking = [
        value + place * 5 * 100 * 200 for place, value in enumerate(_noise(100 * MIB, width))
    ]
    found = slope(_samples(leaking))
    assert found is not None and found.grows
    assert found.an_hour == pytest.approx(3600 * 100 * 200, rel=0.1)


def test_a_few_samples_say_nothing() -> None:
    assert slope(_samples(_noise(MIB, 0, count=20))) is None


def test_what_there_is_more_of_than_before_is_left_behind() -> None:
    before = Left(
        {"tasks": 20, "descriptors switch socket:": 12, "prompts": 2},
        {},
        {"ports": 0},
        frozenset({"a"}),
    )
    now = Left(
        {"tasks": 21, "descriptors switch socket:": 11, "processes encoder": 1, "prompts": 5},
        {"prompts": 5},
        {"ports": 2},
        frozenset({"a", "recordings/x.pcm"}),
    )
    assert left_behind(before, before) == []
    assert left_behind(before, now) == [
        "ports: 2",
        "tasks: 21, before the calls 20",
        "processes encoder: 1, before the calls 0",
        "file recordings/x.pcm",
    ]


def test_files_that_are_meant_to_stay_are_not_left_behind(tmp_path: Path) -> None:
    data, scratch = tmp_path / "data", tmp_path / "scratch"
    for name in ("recordings/R1.mp3", "recordings/R2.pcm", "prompts/ab.g711", "prompts/.prompt-x"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).touch()
    scratch.mkdir()
    (scratch / "tmpabc").touch()
    assert sorted(files_left(data, scratch)) == sorted(
        ["recordings/R2.pcm", "prompts/.prompt-x", str(scratch / "tmpabc")]
    )


def _verdict(**changes: object) -> Verdict:
    flat = Slope(100.0 * MIB, 100.5 * MIB, MIB, 600)
    usual = {"placed": Counter(hangup=5000), "memory": {"switch": flat}}
    return Verdict(30, 100, **{**usual, **changes})  # type: ignore[arg-type]


def test_a_run_is_good_if_nothing_is_left_nothing_grows_and_calls_are_complete() -> None:
    growing = {"switch": Slope(100.0 * MIB, 110.0 * MIB, MIB, 600)}
    assert _verdict().good
    assert not _verdict(left=["tasks: 21, before the calls 20"]).good
    assert not _verdict(memory=growing).good
    assert _verdict(memory=growing, judges_memory=False).good
    assert not _verdict(failed=Counter(hangup=60)).good
    assert not _verdict(placed=Counter()).good
    assert told(_verdict()).endswith("\ngood")
    assert "GROWS" in told(_verdict(memory=growing))
