"""Part 2: many calls that play at once."""

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.application import SECOND, TWO_MINUTES
from bench.called import PLAY
from bench.engines import Start, Target, onhook
from bench.figures import Figures, Row, number
from bench.idling import wait_until_idle
from bench.load import Callers, Load, Sink, callers, sink
from bench.machine import Costs, Meter, family_pss_bytes, family_run_s
from bench.rig import ONHOOK, OUT, PROMPTS, BenchError, Command

SETUP_RATE = 125
_SETTLE_S = 2.0
_PACKETS_A_SECOND = 50
_CONNECTED_S = 30.0
_MADE_S = 60.0
_LIFE_S = 400.0
"""What grows is measured within this."""
GAP_P99_MS = 30
"""Beyond it a call cannot be listened to."""

Tell = Callable[[str], None]


@contextlib.contextmanager
def prompts(command: Command = ONHOOK) -> Iterator[Path]:
    """The messages as a server makes them; speech that is made leaves a server large, and would hide what
    its calls take."""
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="prompts-", dir=OUT) as folder:
        with onhook(command=command) as running:
            warm = [*command, "prompt", "warm", "-", "--data", str(running.folder)]
            done = subprocess.run(
                warm,
                input="\n".join((SECOND, TWO_MINUTES)).encode(),
                capture_output=True,
                check=False,
                timeout=_MADE_S,
            )
            if done.returncode:
                raise BenchError(f"no messages: {done.stderr.decode(errors='replace')[-2000:]}")
            shutil.copytree(running.folder / PROMPTS, folder, dirs_exist_ok=True)
        yield Path(folder)


@dataclass(slots=True)
class Playing:
    """Calls that play on an engine, and what is measured while all of them do."""

    target: Target
    receiver: Sink
    sipp: Callers
    before_bytes: int

    def measure(self, calls: int, window_s: float) -> Figures:
        """What `calls` calls come to in a window."""
        self.receiver.begin()
        meter = Meter(server=self.target.pid, sink=self.receiver.pid, sipp=self.sipp.pid)
        ran_s = family_run_s(self.target.pid)
        time.sleep(window_s)
        self.receiver.finish()
        ran_s = family_run_s(self.target.pid) - ran_s
        costs = meter.stop()
        memory = family_pss_bytes(self.target.pid)
        heard = self.receiver.told()
        return {
            "calls": calls,
            "window_s": window_s,
            **_heard(heard, calls, window_s),
            **self._costs(calls, window_s, ran_s, costs),
            "memory_kib_a_call": round((memory - self.before_bytes) / calls / 1024, 1),
            "memory_mib_before": round(self.before_bytes / 2**20),
            "memory_mib_playing": round(memory / 2**20),
        }

    @staticmethod
    def _costs(calls: int, window_s: float, ran_s: float, costs: Costs) -> Figures:
        return {
            "cpu_s_per_call_minute": round(ran_s / (calls * window_s / 60), 5),
            "busy": costs.busy,
            "others": costs.others,
        }


def _heard(heard: dict[str, float], calls: int, window_s: float) -> Figures:
    delivered = heard["packets"] / (calls * _PACKETS_A_SECOND * window_s)
    return {
        "heard": heard["streams"],
        "packets": heard["packets"],
        "delivered": round(delivered, 4),
        **{key: heard[key] for key in _HEARD},
        "pass": (
            heard["streams"] == calls
            and heard["lost"] == 0
            and heard["gap_p99_ms"] <= GAP_P99_MS
            and delivered >= 0.98
        ),
    }


_HEARD = (
    "gap_p50_ms",
    "gap_p99_ms",
    "gap_p999_ms",
    "gap_max_ms",
    "lost",
    "kernel_drops",
    "odd_size",
)


def playing_at_once(
    calls: int,
    window_s: float,
    start: Start,
    *,
    scenario: str = "hold",
    rate: int = SETUP_RATE,
) -> Figures:
    """`calls` calls on a fresh engine, measured for `window_s` seconds while all of them play."""
    with start() as target:
        _warm(target)
        wait_until_idle(target)
        before_bytes = family_pss_bytes(target.pid)
        up_s = calls / rate
        life_s = up_s + _CONNECTED_S + window_s
        with sink(life_s + 10) as receiver:
            load = Load(scenario, target.sip, PLAY, receiver.port, rate, calls, hold_s=life_s)
            with callers(load) as sipp:
                accepted = begun(target, calls + 1, up_s + _CONNECTED_S / 2) - 1
                time.sleep(_SETTLE_S)
                playing = Playing(target, receiver, sipp, before_bytes)
                return {"accepted": accepted, **playing.measure(calls, window_s)}


def growing(
    levels: Sequence[int],
    window_s: float,
    start: Start,
    tell: Tell,
    *,
    scenario: str = "hold",
    rate: int = SETUP_RATE,
) -> list[Figures]:
    """More and more calls on one engine, measured at each of `levels`, until one does not pass twice."""
    found: list[Figures] = []
    with contextlib.ExitStack() as stack:
        target = stack.enter_context(start())
        _warm(target)
        wait_until_idle(target)
        before_bytes = family_pss_bytes(target.pid)
        receiver = stack.enter_context(sink(_LIFE_S + 30))
        ends_s, there = time.monotonic() + _LIFE_S, 0
        for level in levels:
            left_s = ends_s - time.monotonic() - window_s
            if left_s < (level - there) / rate + 2 * window_s:
                tell("no time for more calls")
                break
            load = Load(
                scenario, target.sip, PLAY, receiver.port, rate, level - there, hold_s=left_s
            )
            sipp = stack.enter_context(callers(load))
            begun(target, level + 1, (level - there) / rate + _CONNECTED_S / 2)
            time.sleep(_SETTLE_S)
            playing = Playing(target, receiver, sipp, before_bytes)
            figures = playing.measure(level, window_s)
            if not figures["pass"]:
                tell(line(figures))
                figures = playing.measure(level, window_s)
            found.append(figures)
            tell(line(figures))
            there = level
            if not figures["pass"]:
                break
    return found


def _warm(target: Target) -> None:
    """The message is made and cached by one call that stays."""
    with sink(20) as receiver:
        load = Load("hold", target.sip, PLAY, receiver.port, 1, 1, hold_s=0.5)
        with callers(load) as one:
            begun(target, 1, 15)
            one.result()


def begun(target: Target, wanted: int, patience_s: float) -> int:
    """In how many calls the message was begun, once it is `wanted`, or the patience is at its end."""
    deadline_s = time.monotonic() + patience_s
    while (taken := target.stats().get("begun", 0)) < wanted:
        if time.monotonic() > deadline_s:
            break
        time.sleep(0.1)
    return taken


def line(level: Figures) -> str:
    """A level for a person who waits."""
    return (
        f"{level['calls']} calls {'pass' if level['pass'] else 'FAIL'}: heard {level['heard']}, gap p99 "
        f"{number(level['gap_p99_ms'])} ms, lost {level['lost']}, {level['cpu_s_per_call_minute']} s "
        f"CPU a minute, busy {level['busy']}, others {level['others']}"
    )


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
