"""An engine that has started and does nothing: its memory, and the CPU that it takes all the same."""

import time

from bench.engines import Start, Target
from bench.figures import Figures
from bench.machine import Meter, family, family_cpu_s, family_pss_bytes, family_run_s
from bench.rig import BenchError

_IDLE = 0.06
"""Of one core: what an engine that does nothing stays below."""
_IDLE_STEPS = 4
_STEP_S = 0.5
_PATIENCE_S = 60.0


def idle(start: Start, window_s: float) -> Figures:
    """A fresh engine."""
    with start() as target:
        return doing_nothing(target, window_s)


def doing_nothing(target: Target, window_s: float) -> Figures:
    """Memory once nothing goes on any more, and the CPU that is used in a window."""
    wait_until_idle(target)
    found = memory(target, "idle")
    meter, ran_s = Meter(server=target.pid), family_run_s(target.pid)
    time.sleep(window_s)
    ran_s = family_run_s(target.pid) - ran_s
    costs = meter.stop()
    percent = round(ran_s / costs.seconds * 100, 3)
    return {**found, "idle_cpu_percent": percent, "others": costs.others}


def memory(target: Target, when: str) -> Figures:
    """Of all processes, as names that begin with `when`."""
    return {
        f"{when}_pss_mib": round(family_pss_bytes(target.pid) / 2**20, 1),
        f"{when}_processes": len(family(target.pid)),
    }


def wait_until_idle(target: Target) -> None:
    """What begins by itself after a start or a call, such as workers that stand by, is through. BenchError
    if it never is."""
    quiet, deadline_s = 0, time.monotonic() + _PATIENCE_S
    before_s, used_s = time.monotonic(), family_cpu_s(target.pid)
    while quiet < _IDLE_STEPS:
        if before_s > deadline_s:
            raise BenchError(f"a server that does nothing took CPU for {_PATIENCE_S:.0f} s")
        time.sleep(_STEP_S)
        now_s, now_used_s = time.monotonic(), family_cpu_s(target.pid)
        is_quiet = now_used_s - used_s < _IDLE * (now_s - before_s)
        quiet = quiet + 1 if is_quiet else 0
        before_s, used_s = now_s, now_used_s
