"""Part 2: many calls that play at once."""

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figures, Row, number
from bench.load import Load, callers, sink
from bench.machine import Meter, family_pss_bytes
from bench.rig import ONHOOK, OUT, PLAY, PROMPTS, Command, Rig, rig

SETUP_RATE = 125
_SETTLE_S = 2.0
_PACKETS_A_SECOND = 50
_CONNECTED_S = 30.0


@contextlib.contextmanager
def prompts(onhook: Command = ONHOOK) -> Iterator[Path]:
    """The message as a server made it; speech that is made leaves a server large, and would hide what
    its calls take."""
    with tempfile.TemporaryDirectory(prefix="prompts-", dir=OUT) as folder:
        with rig(onhook=onhook) as running:
            _warm(running)
            shutil.copytree(running.account.data / PROMPTS, folder, dirs_exist_ok=True)
        yield Path(folder)


def playing_at_once(calls: int, window_s: float, made: Path, onhook: Command = ONHOOK) -> Figures:
    """`calls` calls on a fresh server, measured for `window_s` seconds while all of them play."""
    with rig(made, onhook=onhook) as running:
        _warm(running)
        before_bytes = family_pss_bytes(running.server.pid)
        up_s = calls / SETUP_RATE
        life_s = up_s + _CONNECTED_S + window_s
        with sink(life_s + 10) as receiver:
            load = Load(
                "hold", running.server.sip, PLAY, receiver.port, SETUP_RATE, calls, hold_s=life_s
            )
            with callers(load) as sipp:
                accepted = _accepted(running, calls + 1, up_s + _CONNECTED_S / 2) - 1
                time.sleep(_SETTLE_S)
                receiver.begin()
                meter = Meter(server=running.server.pid, sink=receiver.pid, sipp=sipp.pid)
                time.sleep(window_s)
                receiver.finish()
                costs = meter.stop()
                after_bytes = family_pss_bytes(running.server.pid)
            heard = receiver.close()
    delivered = heard["packets"] / (calls * _PACKETS_A_SECOND * window_s)
    return {
        "calls": calls,
        "accepted": accepted,
        "window_s": window_s,
        "heard": heard["streams"],
        "delivered": round(delivered, 4),
        **{key: heard[key] for key in _HEARD},
        "cpu_s_per_call_minute": round(costs.cpu_s["server"] / (calls * window_s / 60), 4),
        "memory_kib_a_call": round((after_bytes - before_bytes) / calls / 1024, 1),
        "memory_mib_before": round(before_bytes / 2**20),
        "memory_mib_playing": round(after_bytes / 2**20),
        "busy": costs.busy,
        "others": costs.others,
        "pass": (
            heard["streams"] == calls
            and heard["lost"] == 0
            and heard["gap_p99_ms"] <= 30
            and delivered >= 0.98
        ),
    }


_HEARD = ("gap_p50_ms", "gap_p99_ms", "gap_p999_ms", "gap_max_ms", "lost", "kernel_drops")


def _warm(running: Rig) -> None:
    """The message is made and cached by one call that stays."""
    with sink(5) as receiver:
        load = Load("hold", running.server.sip, PLAY, receiver.port, 1, 1, hold_s=0.5)
        with callers(load) as one:
            _accepted(running, 1, 15)
            one.result()


def _accepted(running: Rig, wanted: int, patience_s: float) -> int:
    """How many play requests the server took, once it is `wanted`, or the patience is at its end."""
    deadline_s = time.monotonic() + patience_s
    while (taken := running.application.stats().get("success_ok", 0)) < wanted:
        if time.monotonic() > deadline_s:
            break
        time.sleep(0.1)
    return taken


def rows(levels: list[Figures]) -> list[Row]:
    """The figures of part 2 for a person."""
    found = []
    for level in levels:
        verdict = "" if level["pass"] else "  FAIL"
        gaps = " / ".join(number(level[f"gap_{name}_ms"]) for name in ("p50", "p99", "max"))
        found += [
            (f"{level['calls']} calls: gap p50 / p99 / max", f"{gaps} ms{verdict}"),
            (f"{level['calls']} calls: packets lost", str(level["lost"])),
            (
                f"{level['calls']} calls: CPU a minute of one call",
                f"{level['cpu_s_per_call_minute']} s",
            ),
            (
                f"{level['calls']} calls: memory a call, of the server",
                f"{level['memory_kib_a_call']} KiB, {level['memory_mib_playing']} MiB",
            ),
        ]
    return found
