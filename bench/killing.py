"""The process that has the calls is killed while many of them play: what is lost, and for how long."""

import os
import signal
import socket
import time

from bench.called import PLAY
from bench.engines import Onhook, Start
from bench.figures import Figures
from bench.load import Load, callers, sink
from bench.playing import SETUP_RATE, begun
from bench.rig import BenchError

from onhook.server.supervisor.status import ask

_SETTLE_S = 2.0
_BEFORE_S = 1.0
_AFTER_S = 4.0
_STILL_S = 1.0
_PATIENCE_S = 30.0
_AGAIN_S = 0.005
_PACKETS_A_SECOND = 50


def switch_killed(calls: int, start: Start) -> Figures:
    """`calls` calls play; then the switch is killed. Packets and calls lost, seconds until a request is
    answered again."""
    life_s = calls / SETUP_RATE + 60
    with start() as target, sink(life_s) as receiver:
        if not isinstance(target, Onhook):
            raise AssertionError("only Onhook has a switch")
        load = Load("hold", target.sip, PLAY, receiver.port, SETUP_RATE, calls, hold_s=life_s)
        with callers(load):
            begun(target, calls, calls / SETUP_RATE + 15)
            time.sleep(_SETTLE_S)
            receiver.begin()
            began_s = time.monotonic()
            time.sleep(_BEFORE_S)
            os.kill(_switch(target), signal.SIGKILL)
            killed_s = time.monotonic()
            answered_s = _answered_again(target.rig.server.http) - killed_s
            time.sleep(max(0.0, killed_s + _AFTER_S - time.monotonic()))
            receiver.finish()
            window_s = time.monotonic() - began_s
            heard = receiver.told()
            receiver.begin()
            time.sleep(_STILL_S)
            receiver.finish()
            still = receiver.told()["streams"]
    lost_calls = calls - still
    missing = round(calls * _PACKETS_A_SECOND * window_s) - heard["packets"] if lost_calls else 0
    return {
        "calls": calls,
        "heard_before": heard["streams"],
        "calls_lost": lost_calls,
        "packets_lost": heard["lost"] + max(0, missing),
        "answered_again_s": round(answered_s, 3),
    }


def _switch(target: Onhook) -> int:
    """Its process id. BenchError if there is none."""
    for process in ask(target.folder):
        if process["role"] == "switch":
            return int(process["pid"])
    raise BenchError("onhook status names no switch")


def _answered_again(http: tuple[str, int]) -> float:
    """When a request that is sent now, and again when it is cut off, has its answer (monotonic seconds).
    BenchError if there is none in time."""
    deadline_s = time.monotonic() + _PATIENCE_S
    request = f"GET /open/ivr/end/hangup HTTP/1.1\r\nHost: {http[0]}:{http[1]}\r\n\r\n".encode()
    while (left_s := deadline_s - time.monotonic()) > 0:
        try:
            with socket.create_connection(http, timeout=left_s) as connection:
                connection.sendall(request)
                if connection.recv(4096).startswith(b"HTTP/1.1 200"):
                    return time.monotonic()
        except OSError:
            pass  # it was the killed one's, or nobody is there yet
        time.sleep(_AGAIN_S)
    raise BenchError(f"no request was answered for {_PATIENCE_S:.0f} s after the switch was killed")
