"""``make crash``: kills processes of a server at random moments; counts what was lost, doubled, left open."""

import argparse
import asyncio
import random
import sys
import time

from acceptance.crashing import ENDS_CALLS, CrashRig
from scratch import Scratch

CALLS = 8
SPAN_S = 3.0
SETTLE_EVERY = 4
KILLS_OF_THE_SUPERVISOR = 20
KILLS_OF_ANOTHER = 50


async def main(role: str, kills: int, seed: int) -> bool:
    """Prints progress and the verdict; returns whether nothing went wrong."""
    began_s = time.monotonic()
    scratch = Scratch()
    async with CrashRig(seed, role) as rig:
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
    parser.add_argument(
        "--role", choices=sorted(ENDS_CALLS), default="switch", help="all: the whole server at once"
    )
    parser.add_argument("--kills", type=int, help="20 of the supervisor, 50 of another")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    given = parser.parse_args()
    usual = KILLS_OF_THE_SUPERVISOR if given.role == "supervisor" else KILLS_OF_ANOTHER
    print(f"{given.role}, seed {given.seed}")
    sys.exit(0 if asyncio.run(main(given.role, given.kills or usual, given.seed)) else 1)
