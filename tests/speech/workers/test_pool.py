"""A pool of workers that die and are late at their start."""

import contextlib
import sys
from pathlib import Path

import pytest

from onhook.speech.errors import EngineUnavailable
from onhook.speech.workers.pool import WorkerPool
from speech.doubles import stand_in

WORKS = """
import pathlib, sys, time
starts = pathlib.Path({starts!r})
with starts.open("a") as file:
    file.write("x")
if len(starts.read_text()) <= {dies}:
    raise SystemExit(1)
sys.stdout.buffer.write(b"\\0\\0\\0\\1+")
sys.stdout.buffer.flush()
sys.stdin.buffer.read(5)
sys.stdout.buffer.write(b"\\0\\0\\0\\3+ok")
sys.stdout.buffer.flush()
sys.stdin.buffer.read()
"""


def pool_of(program: str, start_s: float = 30.0) -> contextlib.closing[WorkerPool]:
    starter = stand_in("japanese", [sys.executable, "-c", program])
    pool = WorkerPool(starter, "japanese", lambda: ("1",), workers=1, job_s=30, start_s=start_s)
    return contextlib.closing(pool)


def test_one_that_was_killed_at_its_start_is_followed_by_another(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    with pool_of(WORKS.format(starts=str(starts), dies=1)) as pool:
        assert pool.ask(b"x") == b"ok"
    assert starts.read_text() == "xx"


def test_two_that_end_at_their_start_are_the_installations_fault(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    with (
        pool_of(WORKS.format(starts=str(starts), dies=9)) as pool,
        pytest.raises(EngineUnavailable, match="before it was ready, twice"),
    ):
        pool.ask(b"x")
    assert starts.read_text() == "xx"


def test_one_that_says_nothing_is_not_waited_for_twice() -> None:
    with (
        pool_of("import time; time.sleep(1000)", start_s=0.1) as pool,
        pytest.raises(EngineUnavailable, match=r"was not ready within 0\.1 s"),
    ):
        pool.ask(b"x")
