"""``bench/apart.py``: a measurement ends, and nothing of it is left, whatever it does."""

import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parents[2]

RUNS = """
import sys
from pathlib import Path
from bench import apart
apart.adopt_orphans()
print(repr(apart.bounded([sys.executable, "-c", sys.argv[1]], float(sys.argv[2]), Path.cwd())), flush=True)
print(sorted(apart.family(apart.os.getpid()))[1:], flush=True)
"""

ORPHANS = """
import subprocess, sys
# A grandchild in a session of its own, which nobody ends.
subprocess.Popen([sys.executable, "-c", "import time; print('there', flush=True); time.sleep(600)"],
                 start_new_session=True, stdout=subprocess.PIPE).stdout.readline()
"""


def run(program: str, bound_s: float) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", RUNS, program, str(bound_s)],
        cwd=BENCH, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout.splitlines()


def test_what_ends_well_says_nothing() -> None:
    assert run("pass", 30) == ["''", "[]"]


def test_a_status_is_told() -> None:
    assert run("raise SystemExit(3)", 30) == ["'it ended with 3'", "[]"]


def test_what_it_left_behind_is_ended() -> None:
    assert run(ORPHANS, 30) == ["''", "[]"]


def test_what_takes_too_long_is_ended_with_its_children() -> None:
    said, left = run(f"{ORPHANS}\nimport time; time.sleep(600)", 2)
    assert "took longer than 2 s" in said
    assert left == "[]"
