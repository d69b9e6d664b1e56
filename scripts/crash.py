"""``make crash``: kills a server at many random moments and counts what was lost, doubled or left open."""

import argparse
import asyncio
import random
import sys
import time

from acceptance.crashing import CrashRig
from scratch import Scratch

CALLS = 8
SPAN_S = 3.0
SETTLE_EVERY = 4


async def main(kills: int, seed: int) -> bool:
    """Prints progress and the verdict; returns whether nothing went wrong."""
    began_s = time.monotonic()
    scratch = Scratch()
    async with CrashRig(seed) as rig:
        for number in range(1, kills + 1):
            last = number % SETTLE_EVERY == 0 or number == kills
            await rig.crash(CALLS, SPAN_S, then_settle=last)
            if last:
                print(f"{time.monotonic() - began_s:6.0f} s  {rig.verdict}", flush=True)
    if rig.verdict.clean:
        scratch.remove()
    return rig.verdict.clean


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    given = parser.parse_args()
    print(f"seed {given.seed}")
    sys.exit(0 if asyncio.run(main(given.kills, given.seed)) else 1)
