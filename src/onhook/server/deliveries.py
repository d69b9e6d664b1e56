"""The process that delivers: takes its place among the processes of the server, and serves the switch.

It opens no database: what there is to deliver, and what signs it, the switch says over a link; what came of
it the switch writes. What a switch handed over ends with it, and the next one gets a link of its own.
"""

import asyncio
import gc
import socket
from pathlib import Path
from typing import Final

import uvloop

from onhook import __version__
from onhook.notify.addresses import AddressPolicy
from onhook.notify.client import WebClient
from onhook.notify.errors import CaFileUnusable
from onhook.notify.office import Office
from onhook.notify.resolver import AddressResolver
from onhook.notify.schedule import RetrySchedule
from onhook.notify.tls import client_context
from onhook.processes.membership import Membership
from onhook.server.logs import configure_logs

_COLLECT: Final = (10_000, 20, 20)
"""A delivery leaves nothing behind that only the collector of garbage finds: it need not look often."""
_LASTING_S: Final = 1.0
_SHORTEST_S: Final = 0.02
_LONGEST_S: Final = 1.0
"""Between links: the longer, the more of them in a row did not last. Nobody is waiting for one meanwhile."""


def run() -> int:
    """Until the supervisor ends it; why it cannot is told the supervisor."""
    member = Membership.join()
    settings = member.settings
    configure_logs(member.role, private=settings["log_private"])
    ca_file = settings["ca_file"]
    try:
        tls = client_context(None if ca_file is None else Path(ca_file))
    except CaFileUnusable as error:
        member.failed(f"The setting --ca-file cannot be used: {error}.")
        return 1
    client = WebClient(AddressResolver(AddressPolicy(settings["allowed_networks"])), tls)
    uvloop.run(_serve(member, client, RetrySchedule(tuple(settings["retry_schedule"]))))
    return 0


async def _serve(member: Membership, client: WebClient, schedule: RetrySchedule) -> None:
    """One switch after another."""
    loop = asyncio.get_running_loop()
    now_s = loop.time
    loop.add_reader(member.channel, _answer, loop, member)
    pause_s = _SHORTEST_S
    ready = False
    async with client:
        gc.freeze()  # what is there now stays
        gc.set_threshold(*_COLLECT)
        while True:
            office, began_s = Office(client, schedule), now_s()
            ours, theirs = socket.socketpair()
            await office.begin(ours)
            with theirs:
                member.offer(member.role, [theirs.fileno()])
            if not ready:
                member.ready(version=__version__)
                ready = True
            await office.ended()
            lasted = now_s() - began_s > _LASTING_S
            pause_s = _SHORTEST_S if lasted else min(2 * pause_s, _LONGEST_S)
            await asyncio.sleep(pause_s)


def _answer(loop: asyncio.AbstractEventLoop, member: Membership) -> None:
    """The supervisor asks whether this process is there."""
    if not member.answer():
        loop.remove_reader(member.channel)
