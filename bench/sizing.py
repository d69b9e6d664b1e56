"""Which machine carries how many calls, by what was measured of one. Pure.

The rules are few, so that each row can be computed again by hand:

- calls a second: calls at once, over the length of a call;
- cores: twice what the calls use, since a machine that is half idle answers in time. A complete call costs
  what was measured of one, and each second that it lasts what a playing call costs;
- memory: that of a server after speech, half as much again as the calls were measured to take, and half a
  GiB for the system;
- network: 87.2 kbit/s each way for a call (G.711 in packets of 20 ms, with the heads of RTP, UDP, IP and
  Ethernet);
- one server has one switch, and one switch one core: what takes more than half of the highest rate, or of the
  calls at once, that were measured takes more than one server.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

CALL_S: Final = 60.0
"""How long a call is taken to last."""
CALLS: Final = (50, 250, 500, 1000, 2000, 4000)
KBIT_A_CALL: Final = 87.2
_SHARE_USED: Final = 0.5
_MEMORY_SPARE: Final = 1.5
_SYSTEM_MIB: Final = 512


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured on one machine."""

    ms_a_call: float
    """CPU of a complete call."""
    playing: Sequence[tuple[int, float]]
    """Calls at once, and CPU seconds a minute of one of them; ascending."""
    base_mib: float
    """Memory of a server that has spoken."""
    kib_a_call: float
    highest_rate: float
    highest_calls: float


@dataclass(frozen=True, slots=True)
class Size:
    """What a number of calls takes."""

    calls: int
    a_second: float
    cores_used: float
    cores: int
    memory_mib: float
    mbit: float
    servers: int
    """Of such machines; more than 1 where one switch, or one plane, would have more than half to do."""


def sizes(measured: Measured, call_s: float = CALL_S) -> list[Size]:
    """A row for each of `CALLS`."""
    return [_size(calls, measured, call_s) for calls in CALLS]


def _size(calls: int, measured: Measured, call_s: float) -> Size:
    a_second = calls / call_s
    used = a_second * measured.ms_a_call / 1000 + calls * cpu_a_minute(calls, measured.playing) / 60
    limits = (a_second / measured.highest_rate, calls / measured.highest_calls)
    servers = max(1, *(math.ceil(limit / _SHARE_USED - 1e-9) for limit in limits))
    memory = measured.base_mib + calls * measured.kib_a_call / 1024 * _MEMORY_SPARE
    return Size(
        calls=calls,
        a_second=round(a_second, 1),
        cores_used=round(used, 2),
        cores=max(1, math.ceil(used / _SHARE_USED / servers - 1e-9)),
        memory_mib=memory / servers + _SYSTEM_MIB,
        mbit=round(calls * KBIT_A_CALL / 1000, 1),
        servers=servers,
    )


def cpu_a_minute(calls: int, playing: Sequence[tuple[int, float]]) -> float:
    """What a call costs among so many: as measured of the next fewer, which is not too little; below the
    fewest, of those."""
    fewer = [cost for level, cost in playing if level <= calls]
    return fewer[-1] if fewer else playing[0][1]
