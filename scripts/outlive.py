"""Kills processes of a running server at random moments, beside forty calls; counts what was lost.

With ``--listening 500`` so many more callers only listen, and are asked for again and again: a process in C
counts the numbers of their packets.
"""

import argparse
import asyncio
import random
import sys
import time
from contextlib import ExitStack

from acceptance.lasting_rig import CALLS, CHOICES, LastingRig
from scratch import Scratch
from store.postgresql import PostgreSQL

KILLS = {
    "switch": 500,
    "plane": 100,
    "deliveries": 100,
    "speech": 50,
    "two": 50,
    "both": 50,
    "pause": 20,
}


async def main(given: argparse.Namespace, database_url: str) -> bool:
    """Prints progress and what was counted; returns whether nothing was lost."""
    began_s, scratch = time.monotonic(), Scratch()
    settings = dict(one.split("=", 1) for one in given.setting)
    rig = LastingRig(
        given.seed,
        given.role,
        calls=given.calls,
        listening=given.listening,
        database_url=database_url,
        settings=settings,
        ways=given.phones,
    )
    async with rig:
        losses = await rig.run(given.kills or KILLS[given.role])
    print(f"{time.monotonic() - began_s:.0f} s  {losses}", flush=True)
    if not losses.clean:
        print(f"what the server said: {rig.server.log_path}")
    if losses.clean:
        scratch.remove()
    return losses.clean


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--role", choices=CHOICES, default="switch")
    parser.add_argument("--kills", type=int)
    parser.add_argument("--calls", type=int, default=CALLS, help="how many at a time")
    parser.add_argument("--listening", type=int, default=0, help="how many more only listen")
    parser.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--setting", action="append", default=[], help="of the server: NAME=VALUE")
    parser.add_argument(
        "--phones", action="append", default=[], help="udp, srtp, tcp, tls, digest; all"
    )
    arguments = parser.parse_args()
    print(f"{arguments.role}, seed {arguments.seed}")
    with ExitStack() as stack:
        url = stack.enter_context(PostgreSQL()).new_database() if arguments.postgresql else ""
        sys.exit(0 if asyncio.run(main(arguments, url)) else 1)
