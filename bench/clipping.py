"""Is any of a message cut off? Tone-marked messages of many lengths, heard by real phones.

    .venv/bin/python bench/clipping.py [--calls 100] [--lengths 20] [--at-once 10]

Every message begins and ends with a tone at its very first and very last sample. What is clipped is what
is missing of the two tones in the RTP that arrived before the BYE. Prints the worst clipping, and
how far the BYE was from the last sample heard: shortest, median, longest.
"""

import argparse
import asyncio
import signal
import statistics
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from aiohttp import web

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.figures import Figures
from bench.machine import Meter
from bench.rig import Account, Server, data_directory, end

from onhook.testing import ApiClient, Phone, Receiver
from onhook.testing.receiver import Notification
from onhook.testing.tones import find_tone, silence, tone, write_wav

TONE_MS = 100.0
FIRST_HZ, LAST_HZ = 1000.0, 1400.0
PACKET_MS = 20.0
EDGE_MS = 5.0
"""How exactly the edge of a tone can be found."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What one caller heard of a message."""

    clipped_ms: float
    to_bye_ms: float
    """From the end of the last packet's sound to the BYE."""
    lost: int


def message(length_ms: float) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """A message of this length with a tone at each end."""
    middle = silence(length_ms - 2 * TONE_MS)
    return np.concatenate([tone(FIRST_HZ, TONE_MS), middle, tone(LAST_HZ, TONE_MS)])


def clipped(calls: int, lengths: int, at_once: int) -> Figures:
    """What is missing of messages of many lengths on a fresh server, and how far the BYE is behind them."""
    with ExitStack() as stack:
        data = stack.enter_context(data_directory())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = Server(data)
        stack.callback(end, server.process, signal.SIGKILL)
        meter = Meter(server=server.pid)
        heard = asyncio.run(measure(server, Account.make(data), folder, calls, lengths, at_once))
        costs = meter.stop()
    to_bye_ms = sorted(one.to_bye_ms for one in heard)
    return {
        "calls": len(heard),
        "lengths": lengths,
        "clipped_ms": round(max(one.clipped_ms for one in heard), 1),
        "lost": sum(one.lost for one in heard),
        "to_bye_min_ms": round(to_bye_ms[0], 1),
        "to_bye_p50_ms": round(statistics.median(to_bye_ms), 1),
        "to_bye_max_ms": round(to_bye_ms[-1], 1),
        "others": costs.others,
    }


async def measure(
    server: Server, account: Account, folder: Path, calls: int, wanted: int, at_once: int
) -> list[Heard]:
    """Places the calls."""
    lengths = [round(300 + n * 187.0) for n in range(wanted)]
    async with (
        Receiver() as receiver,
        ApiClient(
            f"http://{server.http[0]}:{server.http[1]}", account.app_id, account.access_token
        ) as api,
    ):
        files = await serve(folder)
        port = files.addresses[0][1]

        async def application(told: Notification) -> None:
            if told["call_state"] == "ringing":
                url = f"<url>http://127.0.0.1:{port}/{lengths_of[told['to']]}.wav</url>"
                done = await api.post("ivr/end/hangup", session=told["session"], msg=url)
                if done["status"] != "success_ok":
                    raise RuntimeError(f"the hangup was refused: {done}")

        receiver.handler = application
        lengths_of: dict[str, int] = {}
        for n, length_ms in enumerate(lengths):
            write_wav(folder / f"{length_ms}.wav", message(length_ms))
            number = f"+65{31_500_000 + n}"
            lengths_of[number] = length_ms
            await asyncio.to_thread(account.add_number, number, receiver.url())
        room = asyncio.Semaphore(at_once)
        numbers = [list(lengths_of)[n % len(lengths)] for n in range(calls)]
        heard = await asyncio.gather(
            *[call(room, server, number, lengths_of[number]) for number in numbers]
        )
        await files.cleanup()
    return heard


async def call(room: asyncio.Semaphore, server: Server, number: str, length_ms: int) -> Heard:
    """One call, heard to its end."""
    async with room, Phone() as phone:
        call = await phone.call(number, server=server.sip)
        await call.ended(timeout_s=30)
        recording = call.recording.before(call.time_of("bye_received"))
        pcm = recording.pcm()
        first, last = find_tone(pcm, FIRST_HZ), find_tone(pcm, LAST_HZ)
        if first is None or last is None:
            return Heard(TONE_MS, 0, recording.lost)
        missing_ms = max(0.0, first[0], TONE_MS - (first[1] - first[0]), length_ms - last[1])
        to_bye_ms = call.last_packet_to_bye_s * 1000 - PACKET_MS
        return Heard(missing_ms if missing_ms > EDGE_MS else 0.0, to_bye_ms, recording.lost)


async def serve(folder: Path) -> web.AppRunner:
    """A web server for the files of a folder."""
    application = web.Application()
    application.router.add_static("/", folder)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner


def main() -> int:
    """Parses the options and measures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--lengths", type=int, default=20)
    parser.add_argument("--at-once", type=int, default=10)
    wanted = parser.parse_args()
    found = clipped(wanted.calls, wanted.lengths, wanted.at_once)
    print(f"{found['calls']} calls, messages of {found['lengths']} lengths")
    print(f"clipped at the worst: {found['clipped_ms']} ms; lost packets: {found['lost']}")
    print(
        f"last sample heard to BYE: shortest {found['to_bye_min_ms']} ms, "
        f"median {found['to_bye_p50_ms']} ms, longest {found['to_bye_max_ms']} ms"
    )
    return int(found["clipped_ms"] != 0)


if __name__ == "__main__":
    sys.exit(main())
