"""``bench/machine.py``: what is measured of a server is that of all its processes."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench.machine import Meter, family, family_pss_bytes

WORK_S = 0.3
HELD = 32 << 20

WORKER = f"""
import sys, time
held = b"x" * {HELD}
while time.process_time() < {WORK_S}: pass
if "ends" not in sys.argv:
    print("done", flush=True)
    sys.stdin.read()
"""
PARENT = """
import subprocess, sys
command = [sys.executable, "-c", sys.argv[1]]
subprocess.run([*command, "ends"])
if sys.argv[2] == "0":
    subprocess.run(command)
else:
    subprocess.run([sys.executable, "-c", sys.argv[3], sys.argv[1], "0", ""])
"""


@contextmanager
def three_generations() -> Iterator[subprocess.Popen[bytes]]:
    """A process whose child and grandchild have each started a worker that ended; one more waits below
    both. All of them end when their standard input does."""
    command = [sys.executable, "-c", PARENT, WORKER, "1", PARENT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process


def test_descendants_count_whether_they_have_ended_or_not() -> None:
    with three_generations() as process:
        meter = Meter(server=process.pid)
        assert process.stdout is not None
        assert process.stdout.readline() == b"done\n"
        costs = meter.stop()
        # The kernel tells whole ticks, of each process and kind: some hundredths may be missing.
        assert costs.cpu_s["server"] > 2.7 * WORK_S
        found = family(process.pid)
        assert found[0] == process.pid
        assert len(found) == 3
        assert HELD < family_pss_bytes(process.pid) < 8 * HELD
        assert Meter(another=found[-1]).stop().cpu_s["another"] < WORK_S
    assert family(process.pid) == []
    assert family_pss_bytes(process.pid) == 0
