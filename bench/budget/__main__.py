"""See the package: `python -m bench.budget`."""

import argparse
import contextlib
import platform
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from types import MappingProxyType

from bench.budget import __doc__ as about
from bench.budget import instructions
from bench.budget.comparing import (
    Compared,
    Figure,
    Figures,
    Verdict,
    compare,
    least,
    read,
    told,
    written,
)
from bench.budget.counting import INSTRUCTIONS, WAITS, Counting, Parts, counters
from bench.caller import Caller, Script
from bench.rig import HERE, OUT, PROBE, BenchError, raise_file_limit, rig

from onhook.store.sqlite import DATABASE_FILE

COMMITTED = HERE / "budget.json"
CALLS = 200
WARM_CALLS = 6
EVERY_S = 0.52
"""Longer than a call takes, and than what was looked up is believed without a second look (0.5 s): so each
call looks up the same."""
IDLE_S = 6.0
MESSAGE = '<speech language="de">A</speech>'
"""The shortest that any voice speaks: 0.3 s, so that 200 of them are through in time."""
_SETTLES_S = 0.1
"""What was written of the ring is on disk by then: it shares no flush with what comes next."""
_LAST_S = 1.0
_NUMBERS_BELIEVED_S = 1.1
_LATE = 0.05
_OF_PYTHON = ("allocations", "bytes allocated")
"""Another version of Python allocates more or less for the same."""
SETTINGS = {
    "ONHOOK_RINGING_S": "180",
    "ONHOOK_RTP_PORTS": "6100-9999",  # others of this machine have none there, mostly
    "ONHOOK_SETTLE_MS": "0",
    "ONHOOK_SHED_LAG_MS": "0",
}


def _pause(until_s: float) -> Script:
    yield lambda: time.monotonic() >= until_s


def _complete(caller: Caller, missed: list[str]) -> Script:
    """One call, from its ring to the notification of its end."""
    call = caller.place(PROBE)
    yield lambda: "ringing" in call.times_ns and "180" in call.times_ns
    yield from _pause(time.monotonic() + _SETTLES_S)
    caller.request("ivr/end/hangup", session=call.session, msg=MESSAGE, notify_url=caller.url)
    yield lambda: "ended" in call.times_ns
    if "audio" not in call.times_ns or "BYE" not in call.times_ns:
        missed.append(call.call_id)


def _ringing(caller: Caller) -> Script:
    """A call that is left alone: with it a server says once a second that it is alive, calls or not."""
    call = caller.place(PROBE)
    yield lambda: "ringing" in call.times_ns and "180" in call.times_ns


def _calls(caller: Caller, number: int, missed: list[str]) -> None:
    """So many, one after another, each when its turn has come."""

    def scripts() -> Iterator[Script]:
        began_s = time.monotonic()
        for place in range(number):
            yield _pause(began_s + place * EVERY_S)
            yield _complete(caller, missed)

    caller.perform(scripts())
    caller.perform([_pause(time.monotonic() + _LAST_S)])


def measure(settings: Mapping[str, str] = MappingProxyType({})) -> Figures:
    """What a complete call takes, on a fresh server with these settings, too. BenchError if calls went
    wrong."""
    missed: list[str] = []
    with (
        counters() as (folder, variables),
        rig(settings={**SETTINGS, **settings, **variables}) as running,
        Caller(running.server, running.account) as caller,
    ):
        running.account.add_number(PROBE, caller.url)
        time.sleep(_NUMBERS_BELIEVED_S)
        _calls(caller, WARM_CALLS, missed)
        data = running.account.data
        counting = Counting(data, folder, not instructions.why_not())
        caller.perform([_ringing(caller)])
        idle_s, idle = _during(
            counting, lambda: caller.perform([_pause(time.monotonic() + IDLE_S)])
        )
        _checkpoint(data)
        calls_s, busy = _during(counting, lambda: _calls(caller, CALLS, missed))
        if (late := calls_s / (CALLS * EVERY_S + _LAST_S) - 1) > _LATE:
            print(f"This machine is so busy that calls came {late:.0%} later than they should.")
        if missed or caller.failures:
            raise BenchError(f"{len(missed)} calls were not complete: {set(caller.failures)}")
    return _of_a_call(busy, idle, calls_s / idle_s)


def _during(counting: Counting, work: Callable[[], None]) -> tuple[float, Parts]:
    """How long the work took, and what was counted."""
    took_s = 0.0

    def timed() -> None:
        nonlocal took_s
        began_s = time.monotonic()
        work()
        took_s = time.monotonic() - began_s

    parts = counting.during(timed)
    return took_s, parts


def _checkpoint(data: Path) -> None:
    """How full the log of the database is decides when it is copied into it next: it is empty in each run."""
    with contextlib.closing(sqlite3.connect(data / DATABASE_FILE, timeout=10)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _of_a_call(busy: Parts, idle: Parts, share: float) -> Figures:
    """What is left when that is taken off what a server without calls does, `share` of it."""
    found = {}
    for name, parts in busy.items():
        of = {
            part: max(0.0, (number - idle.get(name, Counter())[part] * share) / CALLS)
            for part, number in parts.items()
        }
        found[name] = Figure(sum(of.values()), of)
    return found


def _about() -> dict[str, str]:
    """What figures depend on beside the code."""
    return {
        "calls": str(CALLS),
        "python": ".".join(platform.python_version_tuple()[:2]),
    }


def _committed(path: Path) -> tuple[Figures, dict[str, str]]:
    """The committed figures that those of this machine can be compared with; of others, why they cannot."""
    figures, made_with = read(path.read_text())
    if made_with == _about():
        return figures, {}
    why = f"committed with Python {made_with['python']}, and this is {_about()['python']}"
    kept = {name: figure for name, figure in figures.items() if name not in _OF_PYTHON}
    return kept, dict.fromkeys(_OF_PYTHON, why)


def _save(path: Path, figures: Figures) -> None:
    kept = {name: figure for name, figure in figures.items() if name != WAITS}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(written(kept, _about()))


def main() -> int:
    """Measures, compares, and says what to do; the status of the process."""
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--commit", action="store_true", help="write the figures to be committed")
    parser.add_argument("--out", type=Path, default=OUT / "budget.json", help="where figures go")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended then, too
    raise_file_limit()
    committed, left_out = _committed(COMMITTED) if not given.commit else ({}, {})
    if reason := instructions.why_not():
        left_out[INSTRUCTIONS] = reason
    hidden = {WAITS, *left_out}
    try:
        measured, found = _measured(committed, hidden)
        if any(each.verdict is Verdict.MORE for each in found):
            print(told(found))
            print("measured once more, to be sure of it:")
            again, _ = _measured(committed, hidden)
            measured = least(measured, again)
            found = compare(_shown(measured, hidden), committed)
    except BenchError as error:
        sys.exit(f"budget: {error}")
    _save(COMMITTED if given.commit else given.out, measured)
    print(told(found))
    print(f"not compared: {measured[WAITS].total:.0f} {WAITS}")
    for name, reason in left_out.items():
        print(f"left out: {name}: {reason}")
    return _advise(found, given.commit)


def _measured(committed: Figures, hidden: Set[str]) -> tuple[Figures, list[Compared]]:
    measured = measure()
    return measured, compare(_shown(measured, hidden), committed)


def _shown(figures: Figures, hidden: Set[str]) -> Figures:
    return {name: figure for name, figure in figures.items() if name not in hidden}


def _advise(found: Sequence[Compared], committing: bool) -> int:
    verdicts = {each.verdict for each in found}
    if committing:
        print(f"written: {COMMITTED}")
        return 0
    if Verdict.MORE in verdicts:
        print(
            "A call takes 5 % more than committed, or worse: see above what grew. If it has to, commit"
        )
        print("the new figures (python -m bench.budget --commit), and say why.")
        return 1
    if verdicts & {Verdict.LESS, Verdict.NEW}:
        print("Commit the new figures: python -m bench.budget --commit")
    return 0


if __name__ == "__main__":
    sys.exit(main())
