"""A process that serves collects its garbage, seldom, and does not look through what stays."""

import gc
import subprocess
import sys
import time

from onhook.server.garbage import WithoutCollections

_LOOKED_AT = """
import gc
from onhook.server.garbage import tune
kept = [[] for _ in range(50_000)]
tune()
looked_at = len(gc.get_objects())
class Knot:
    pass
for _ in range(200_000):
    one = Knot()
    one.itself = one
left = sum(isinstance(each, Knot) for each in gc.get_objects())
print(looked_at, left, gc.isenabled(), gc.get_freeze_count() > 50_000)
"""


def test_what_is_there_is_left_alone_and_what_refers_to_itself_is_still_freed() -> None:
    told = subprocess.run(
        [sys.executable, "-c", _LOOKED_AT], check=True, capture_output=True, text=True
    )
    looked_at, left, on, frozen = told.stdout.split()
    assert int(looked_at) < 1000
    assert int(left) <= 20_000  # of 200,000 that nobody could reach any more
    assert (on, frozen) == ("True", "True")


class _Knot:
    def __init__(self) -> None:
        self.itself = self


def test_a_collection_is_no_work_of_the_thread() -> None:
    worked = WithoutCollections()
    try:
        for _ in range(100_000):
            _Knot()
        worked_s, computed_s = worked(), time.thread_time()
        gc.collect()
        worked_s, computed_s = worked() - worked_s, time.thread_time() - computed_s
        assert worked_s < computed_s / 4
        worked_s, computed_s = worked(), time.thread_time()
        sum(range(1_000_000))
        worked_s, computed_s = worked() - worked_s, time.thread_time() - computed_s
        assert worked_s > computed_s / 2
    finally:
        worked.stop()
