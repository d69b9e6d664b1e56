"""What the trace of calls costs a complete call, which is that of the budget (`bench/budget`): ring,
notification, hangup with a message, BYE, notification of the end.

    .venv/bin/python -m bench.tracing                what can be counted, with a trace and without (5 minutes)
    .venv/bin/python -m bench.tracing --replay       CPU of the trace alone, in one process (seconds)
    .venv/bin/python -m bench.tracing --cpu          CPU and bytes of a server, with it and without, in turns

Allocations, statements and bytes do not depend on what else the machine does. Neither does CPU that a thread
took, but for what its caches lose to others: `--replay` gives a recorder what it is given of such calls,
again and again, and tells what its own work takes on the event loop, and in the thread that writes; the least
of the rounds counts. `--cpu` is of all processes of the server and moves with whatever else runs: of it the
difference of the medians counts, and how far the rounds of one kind are apart. Bytes are those that the
kernel was given to write.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from bench.budget.__main__ import MESSAGE, SETTINGS
from bench.budget.__main__ import measure as counted
from bench.budget.counting import WAITS
from bench.caller import Caller, Script
from bench.machine import family_cpu_s, family_written_bytes
from bench.rig import PROBE, BenchError, raise_file_limit, rig

from onhook import call as machine
from onhook.calls.leg_trace import LegTrace
from onhook.calls.traces import Recorder
from onhook.media import sounds
from onhook.message import Gender, Say
from onhook.store import CallRecord, StoredDialogs, Writes
from onhook.store.traces import TraceFile

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


_PEER = ("127.0.0.1", 5070)
_SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
)
_MESSAGES = (
    ("in", "INVITE sip:+6531000000@127.0.0.1 SIP/2.0", "INVITE", _SDP),
    ("out", "SIP/2.0 180 Ringing", "INVITE", ""),
    ("out", "SIP/2.0 200 OK", "INVITE", _SDP),
    ("in", "ACK sip:onhook@127.0.0.1 SIP/2.0", "ACK", ""),
    ("out", "BYE sip:probe@127.0.0.1 SIP/2.0", "BYE", ""),
    ("in", "SIP/2.0 200 OK", "BYE", ""),
)
_STATES = (("ringing", "answer"), ("waiting", ""), ("running", "hangup"), ("closing", "hangup"))
_REPLY = {"session": "S1", "txn_ref": "AA-C-4589178899"}
_SPEECH = (Say("A", "de", Gender.FEMALE),)
_A_SECOND = 50
"""Calls of which parts are written together."""
_REPLAYED, _ROUNDS = 1000, 7


def _message(call_id: str, first: str, method: str, body: str) -> bytes:
    head = (
        f"{first}\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK{call_id}\r\nMax-Forwards: 70\r\n"
        f"From: <sip:+6598765432@127.0.0.1>;tag=a\r\nTo: <sip:+6531000000@127.0.0.1>;tag=b\r\n"
        f"Call-ID: {call_id}\r\nCSeq: 1 {method}\r\nContact: <sip:127.0.0.1:5070>\r\n"
    )
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


class _Told:
    """What a recorder is told of one call."""

    def __init__(self, number: int) -> None:
        self.session, call_id = f"S{number}", f"{number}@127.0.0.1"
        self.messages = [
            (way, _message(call_id, first, method, body)) for way, first, method, body in _MESSAGES
        ]
        begun = CallRecord(
            session=self.session,
            txn_ref="AA-C-4589178899",
            app_id="app",
            owner="main",
            state="",
            from_number="+6598765432",
            to_number="+6531000000",
            began_ms=1,
            currency="SGD",
            rate="0.012",
            dialog=StoredDialogs(({"call_id": call_id},)),
        )
        records = [replace(begun, state=state, contact_block=block) for state, block in _STATES]
        over = replace(begun, state="ended", ended_ms=2, ended_by="application", cause="hangup")
        self.writes = [Writes(calls=(record,)) for record in (*records, over)]

    def tell(self, recorder: Recorder) -> None:
        """From the ring to the end, in the order in which they happen."""
        messages, writes = iter(self.messages), iter(self.writes)

        def passes(number: int) -> None:
            for _ in range(number):
                way, data = next(messages)
                recorder.sip(way, data, _PEER)

        passes(1)
        recorder.written(next(writes))
        passes(1)
        recorder.written(next(writes))
        recorder.written(next(writes))
        recorder.asked(self.session, "hangup", time.time_ns())
        passes(1)
        recorder.replied(self.session, "hangup", _REPLY)
        passes(1)
        recorder.happened(self.session, machine.Acknowledged(0.0))
        leg, prompts = LegTrace(recorder, self.session), (sounds.beep(),)
        leg.plays_message(_SPEECH, prompts, more=False, repeated=False)
        leg.through(prompts)
        recorder.written(next(writes))
        passes(2)
        recorder.written(next(writes))


def replay(calls: int) -> tuple[float, float]:
    """Microseconds of CPU a call, on the way of calls and in the thread that writes: the least of the
    rounds."""
    on_the_way, beside = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(_ROUNDS):
            file = TraceFile(Path(folder), days=7, megabytes=1000)
            file.start()
            recorder = Recorder(file.write)
            told = [_Told(number * calls + place) for place in range(calls)]
            way_s, all_s = _replayed(recorder, file, told)
            on_the_way.append(way_s / calls * 1e6)
            beside.append((all_s - way_s) / calls * 1e6)
            if file.failed:
                raise BenchError(file.failed)
    return min(on_the_way), min(beside)


def _replayed(recorder: Recorder, file: TraceFile, told: Sequence[_Told]) -> tuple[float, float]:
    """CPU seconds of this thread without those that it waits, and of the process."""
    before_s, way_s = time.process_time(), 0.0
    for first in range(0, len(told), _A_SECOND):
        began_s = time.thread_time()
        for one in told[first : first + _A_SECOND]:
            one.tell(recorder)
        recorder.flush()
        way_s += time.thread_time() - began_s
    file.close()
    return way_s, time.process_time() - before_s


def _tell_replay(calls: int) -> None:
    on_the_way, beside = replay(calls)
    print(f"{on_the_way:.0f} us a call on its way, {beside:.0f} us in the thread that writes")


def _tell_counts() -> None:
    """What can be counted of a call, without a trace and with it."""
    without, with_it = (counted({"ONHOOK_TRACE_DAYS": days}) for days in ("0", "7"))
    for name, figure in with_it.items():
        before = without[name].total
        if name != WAITS and before:
            print(
                f"{name}: {before:,.1f} without a trace, {figure.total:,.1f} with it"
                f" ({figure.total / before - 1:+.1%})"
            )


def main() -> None:
    """Prints what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--replay", action="store_true")
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--calls", type=int, default=150, help="in a round of --cpu")
    parser.add_argument("--rounds", type=int, default=3, help="of --cpu")
    given = parser.parse_args()
    raise_file_limit()
    if given.replay:
        _tell_replay(_REPLAYED)
    if given.cpu:
        _tell_cpu(given.calls, given.rounds)
    if not given.replay and not given.cpu:
        _tell_counts()


def _tell_cpu(calls: int, rounds: int) -> None:
    """A line a round, and the medians."""
    found: dict[str, list[float]] = {"7": [], "0": []}
    sizes: dict[str, list[float]] = {"7": [], "0": []}
    for number in range(rounds):
        for days in ("7", "0") if number % 2 == 0 else ("0", "7"):
            cpu_ms, grown = measure(days, calls)
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
