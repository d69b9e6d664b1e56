"""What the trace of calls costs: CPU and bytes of a complete call, with it and without, in turns.

    .venv/bin/python -m bench.tracing [--calls 150] [--rounds 3]

A call is that of the budget (`bench/budget`): ring, notification, hangup with a message, BYE, notification of
the end. CPU is that of all processes of the server, so it moves with whatever else runs: what counts is the
difference of the medians, and how far the rounds of one kind are apart. Bytes are those that the kernel was
given to write by all of them: what the trace takes is the difference, too.
"""

import argparse
import statistics
import time
from collections.abc import Iterator

from bench.budget.__main__ import MESSAGE, SETTINGS
from bench.caller import Caller, Script
from bench.machine import family_cpu_s, family_written_bytes
from bench.rig import PROBE, BenchError, raise_file_limit, rig

_APART_S = 0.05
_WARM_CALLS = 20
_SETTLES_S = 2.5
"""A trace is written a second later."""


def _complete(caller: Caller) -> Script:
    call = caller.place(PROBE)
    yield lambda: "ringing" in call.times_ns and "180" in call.times_ns
    caller.request("ivr/end/hangup", session=call.session, msg=MESSAGE, notify_url=caller.url)
    yield lambda: "ended" in call.times_ns


def _all(caller: Caller, number: int) -> Iterator[Script]:
    began_s = time.monotonic()
    for place in range(number):
        yield _wait(began_s + place * _APART_S)
        yield _complete(caller)


def _wait(until_s: float) -> Script:
    yield lambda: time.monotonic() >= until_s


def measure(days: str, calls: int) -> tuple[float, float]:
    """CPU milliseconds of a call, and bytes written for it. Raises BenchError if calls went wrong."""
    settings = {**SETTINGS, "ONHOOK_TRACE_DAYS": days}
    with rig(settings=settings) as running, Caller(running.server, running.account) as caller:
        running.account.add_number(PROBE, caller.url)
        time.sleep(_SETTLES_S)
        caller.perform([_complete(caller)])  # the voice begins, and the message is kept
        caller.failures.clear()
        caller.perform(_all(caller, _WARM_CALLS))
        time.sleep(_SETTLES_S)
        bytes_before = family_written_bytes(running.server.pid)
        before_s = family_cpu_s(running.server.pid)
        caller.perform(_all(caller, calls))
        time.sleep(_SETTLES_S)
        used_s = family_cpu_s(running.server.pid) - before_s
        grown = family_written_bytes(running.server.pid) - bytes_before
        if caller.failures:
            raise BenchError(f"calls were not complete: {set(caller.failures)}")
    return used_s / calls * 1000, grown / calls


def main() -> None:
    """Prints a line a round, and the medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    raise_file_limit()
    found: dict[str, list[float]] = {"7": [], "0": []}
    sizes: dict[str, list[float]] = {"7": [], "0": []}
    for number in range(given.rounds):
        for days in ("7", "0") if number % 2 == 0 else ("0", "7"):
            cpu_ms, grown = measure(days, given.calls)
            found[days].append(cpu_ms)
            sizes[days].append(grown)
            print(
                f"trace of {days} days: {cpu_ms:.2f} ms of CPU a call, {grown:,.0f} bytes written"
            )
    with_it, without = (statistics.median(found[days]) for days in ("7", "0"))
    share = (with_it - without) / without
    more = statistics.median(sizes["7"]) - statistics.median(sizes["0"])
    print(
        f"{with_it:.2f} ms with it, {without:.2f} without: {share:+.1%}; {more:,.0f} bytes a call more"
    )


if __name__ == "__main__":
    main()
