"""Where the time of a complete call goes: CPU by process, of the switch by part; what the call waits for."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import rates, sampled
from bench.application import SECOND
from bench.called import PROBE
from bench.caller import Call, Caller, Script
from bench.engines import Onhook, onhook
from bench.figures import Figures, percentile
from bench.idling import wait_until_idle
from bench.latency import Samples
from bench.machine import family_run_s, process_run_s
from bench.rig import OUT, BenchError

from onhook.server.supervisor.status import ask

STEPS = (
    ("INVITE", "180", "INVITE to 180 (the call is on disk)"),
    ("180", "ringing", "180 to the notification"),
    ("request", "200", "the hangup's request to 200 OK (the message is found)"),
    ("200", "audio", "200 OK to the first packet"),
    ("last audio", "BYE", "last sound to BYE (silence of the message, and 100 ms)"),
    ("BYE answered", "ended", "the end to the notification of it (the bill is on disk)"),
)
"""What a call waits for, in order: from, to, in words."""
_AT_ONCE, _EVERY_S = 10, 0.15


def of_a_call(rate: int, level_s: float, calls: int, tell: Callable[[str], None]) -> Figures:
    """`by_process`: CPU ms a complete call by role, at `rate` a second. `by_part`: that of the switch, by
    part, by the shares of a run with a sampler in it. `steps`: what `calls` calls waited for, median ms."""
    with onhook() as target:
        rates.warm(target)
        wait_until_idle(target)
        before = _by_role(target)
        level = rates.one_level(target, rate, level_s, tell)
        after = _by_role(target)
        steps = _steps(target, calls)
    done = rate * level_s + 2  # two calls go before
    used = {role: max(0.0, seconds - before.get(role, 0.0)) for role, seconds in after.items()}
    by_process = {role: round(seconds * 1000 / done, 3) for role, seconds in used.items()}
    return {
        "rate": rate,
        "by_process": by_process,
        "by_part": {
            name: round(share * by_process["switch"], 4)
            for name, share in _by_part(rate, level_s, tell).items()
        },
        "steps": steps,
        "others": level["others"],
    }


def _by_role(target: Onhook) -> dict[str, float]:
    """CPU seconds of each role up to now."""
    found: dict[str, float] = {"supervisor": process_run_s(target.pid)}
    for process in ask(target.folder):
        role, pid = str(process["role"]), int(process["pid"])
        if role != "supervisor":
            found[role] = found.get(role, 0.0) + family_run_s(pid)
    return found


def _by_part(rate: int, level_s: float, tell: Callable[[str], None]) -> dict[str, float]:
    """Shares of the switch's CPU, which add up to 1."""
    with tempfile.TemporaryDirectory(prefix="samples-", dir=OUT) as made:
        folder = Path(made)
        with onhook(settings=sampled.environment(folder)) as target:
            rates.warm(target)
            wait_until_idle(target)
            before = sampled.found(folder)
            rates.one_level(target, rate, level_s, tell)
            after = sampled.found(folder)
    used = {name: seconds - before.get(name, 0.0) for name, seconds in after.items()}
    in_all = sum(used.values())
    if not in_all:
        raise BenchError("the switch was not sampled")
    return {name: seconds / in_all for name, seconds in sorted(used.items())}


def _steps(target: Onhook, calls: int) -> dict[str, float]:
    samples = Samples()
    with target.caller() as caller:
        caller.perform(_scripts(caller, calls, samples), at_once=_AT_ONCE, every_s=_EVERY_S)
    found: dict[str, float] = {}
    for _, _, words in STEPS:
        median = percentile(samples.times.get(words, []), 0.5)
        if median is not None:
            found[words] = round(median, 2)
    return found


def _scripts(caller: Caller, calls: int, samples: Samples) -> Iterator[Script]:
    for _ in range(calls):
        yield _complete(caller, samples)


def _complete(caller: Caller, samples: Samples) -> Script:
    call = caller.place(PROBE)
    yield lambda: "ringing" in call.times_ns
    request = caller.request(
        "ivr/end/hangup", session=call.session, msg=SECOND, notify_url=caller.url
    )
    call.stamp("request", request.sent_ns)
    yield lambda: "ended" in call.times_ns
    _add(samples, call)


def _add(samples: Samples, call: Call) -> None:
    call.stamp("last audio", call.last_audio_ns)
    for begin, until, words in STEPS:
        samples.add(words, call.times_ns[begin], call.times_ns[until])
