"""What a relayed call costs the thread of the media plane: pairs of calls that talk at the same time."""

import asyncio
from pathlib import Path

from bench.bridging import FRAME_S, PORTS, relays
from bench.figures import Figures
from bench.machine import Meter
from bench.rig import BenchError

from onhook.media import MediaPlane

_THREAD = "onhook-media"
_PACKETS_A_SECOND = 1 / FRAME_S


def relayed(pairs: int, seconds: float) -> Figures:
    """Per cent of a core that a call of a pair takes, of all threads that send. Half of the pairs speak two
    laws. The plane runs in this process, whose other threads are the peers' and do not count."""
    return asyncio.run(_relayed(pairs, seconds))


async def _relayed(pairs: int, seconds: float) -> Figures:
    plane = MediaPlane(host="127.0.0.1", ports=PORTS)
    plane.start(asyncio.get_running_loop())
    try:
        meter, before_s = Meter(), _sending_s()
        found, _ = await relays(plane, pairs, seconds)
        used_s, costs = _sending_s() - before_s, meter.stop()
    finally:
        plane.close()
    sent, lost = 2 * pairs * round(seconds / FRAME_S), found["lost"]
    if not isinstance(lost, int) or lost == sent:
        raise BenchError("nothing was relayed")
    percent = used_s / (sent - lost) * _PACKETS_A_SECOND * 100
    return {
        **found,
        "percent_of_a_core_a_call": round(percent, 4),
        "us_a_packet": round(used_s / (sent - lost) * 1e6, 2),
        "busy": costs.busy,
        "others": costs.others,
    }


def _sending_s() -> float:
    """CPU seconds of the threads that send, to the nanosecond."""
    used_ns = 0
    for task in Path("/proc/self/task").iterdir():
        if (task / "comm").read_text().startswith(_THREAD):
            used_ns += int((task / "schedstat").read_text().split()[0])
    return used_ns / 1e9
