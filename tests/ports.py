"""Ports for what a test starts, that nobody else gets meanwhile.

All lie below those that the system gives out by itself and those that servers under test have for audio.
Each worker of a run takes them from a part of its own, so that no two tests are given the same one.
"""

import os
import random
import socket
from collections.abc import Iterator
from itertools import cycle, islice

_LOWEST, _END = 10_240, 20_000
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
_SHARE = (_END - _LOWEST) // _WORKERS & ~1
_FIRST = _LOWEST + _WORKER * _SHARE
_OURS = range(_FIRST, _FIRST + (_SHARE // 3 & ~1))
_IN_TURN = cycle(random.sample(_OURS, len(_OURS)))
_NOT_HAD = range(_OURS.stop, _FIRST + _SHARE)
# Another run beside this one would be given the same, one after the other.
_BEGIN = random.randrange(len(_NOT_HAD))
_FRESH: Iterator[int] = cycle([*_NOT_HAD[_BEGIN:], *_NOT_HAD[:_BEGIN]])


def fresh_port() -> int:
    """A port of loopback that is free for TCP, and that no test of this run had before, unless these are
    thousands."""
    return next(port for port in islice(_FRESH, _SHARE) if _is_free(port, socket.SOCK_STREAM))


def free_port() -> int:
    """A port of loopback that is free for UDP and for TCP. Nobody is given it again before all others were
    given: whoever has it may bind it later, or now and then."""
    for port in islice(_IN_TURN, len(_OURS)):
        if _is_free(port, socket.SOCK_DGRAM) and _is_free(port, socket.SOCK_STREAM):
            return port
    raise OSError("no port is free")


def free_ports(calls: int) -> range:
    """A range with room for the audio of so many calls, two ports each, the first one even."""
    starts = range(_OURS.start, _OURS.stop - 2 * calls, 2)
    for first in random.sample(starts, min(200, len(starts))):
        ports = range(first, first + 2 * calls)
        if all(_is_free(port, socket.SOCK_DGRAM) for port in ports):
            return ports
    raise OSError(f"no {2 * calls} ports in a row are free")


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
