"""A call that is over is freed at once: nothing of it waits for a collection of garbage."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from acceptance.asking import heard
from acceptance.harness import Callee, Customer, Onhook, lay_trunk
from acceptance.kinds import KINDS, Stage
from acceptance.talking import PATIENCE_S
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver

FREED = frozenset({
    "Attempt", "CallBook", "CallMedia", "CallRequests", "IncomingCall", "IncomingLeg", "Keeping",
    "LiveCall", "MediaListener", "OutboundLeg", "Peer", "PeerListener", "Performer", "PhoneListener",
    "Player", "Speaking", "Stream",
})  # fmt: skip
"""What there is of a call. The phone's part of a call of ours absorbs a second answer for 32 s."""
MOST_LEFT = 5
"""Objects a call, whatever they are."""
AT_ONCE = 6
_TOLD = "FREED_TOLD"
_SITE = """
import os, sys

def tell():
    import gc, json, threading
    from collections import Counter
    from onhook.server import garbage
    folder = os.environ["FREED_TOLD"]

    def answer():
        while True:
            with open(folder + "/asked") as asked:
                what = asked.read()
            if what == "alive":
                found = Counter(type(one).__name__ for one in gc.get_objects())
            else:
                found = {"found": gc.collect()}
            with open(folder + "/told", "w") as told:
                json.dump(found, told)

    def never_collect():
        gc.collect()
        gc.freeze()
        gc.disable()
        threading.Thread(target=answer, daemon=True).start()

    garbage.tune = never_collect

if "onhook.server.spare_process" in sys.orig_argv:
    os.register_at_fork(after_in_child=tell)
"""
"""The switch, which is forked, collects nothing by itself, and says what it has."""


class Asked:
    """The switch, asked what is alive in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        os.mkfifo(folder / "asked")
        os.mkfifo(folder / "told")
        (folder / "sitecustomize.py").write_text(_SITE)

    @property
    def environment(self) -> dict[str, str]:
        ways = filter(None, (str(self._folder), os.environ.get("PYTHONPATH", "")))
        return {"PYTHONPATH": os.pathsep.join(ways), _TOLD: str(self._folder)}

    def _ask(self, what: str) -> dict[str, int]:
        (self._folder / "asked").write_text(what)
        told: dict[str, int] = json.loads((self._folder / "told").read_text())
        return told

    async def left(self) -> dict[str, int]:
        """What is alive of calls."""
        alive = await asyncio.to_thread(self._ask, "alive")
        return {name: number for name, number in alive.items() if name in FREED}

    async def collected(self) -> int:
        """How many objects a collection of garbage finds now."""
        return (await asyncio.to_thread(self._ask, "collect"))["found"]

    async def nothing_left(self) -> None:
        """Returns when nothing is alive of calls that are over, whose last messages may be on their way."""
        async with asyncio.timeout(PATIENCE_S):
            while await self.left():
                await asyncio.sleep(0.2)


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return Asked(tmp_path)


@pytest.fixture
async def stage(asked: Asked, receiver: Receiver, phone: Phone) -> AsyncIterator[Stage]:
    # Calls that are not quite over count with those that are made: no limit is to be met here.
    settings = {"record_beep": "false", "max_calls": "0"}
    server = Onhook(settings, environment=asked.environment)
    try:
        line = await asyncio.to_thread(lay_trunk, server)
        customer = await Customer.make(server, receiver, phone)
        async with Phone(port=line.port) as one:
            yield Stage(customer, Callee(one, line))
    finally:
        server.close()


async def told_and_hung_up(stage: Stage) -> None:
    call, session = await stage.ringing()
    await stage.post("ivr/end/hangup", session=session, msg="Goodbye.")
    await call.answered()
    await call.ended()


async def told_in_part(stage: Stage) -> None:
    call, session = await stage.ringing()
    await stage.post("ivr/end/hangup", session=session, msg="Please wait a moment. " * 5)
    await call.answered()
    await heard(call, 5)
    await call.hang_up()


OF_ALL = (told_and_hung_up, told_in_part, *KINDS)


async def _each(stage: Stage, times: int) -> int:
    free = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with free:
            await OF_ALL[number % len(OF_ALL)](stage)

    async with asyncio.TaskGroup() as group:
        for number in range(times * len(OF_ALL)):
            group.create_task(one(number))
    return times * len(OF_ALL)


async def test_a_call_that_is_over_is_freed_without_a_collection(
    stage: Stage, asked: Asked
) -> None:
    await _each(stage, 1)  # what is made once is there now
    await asked.nothing_left()
    await asked.collected()
    calls = await _each(stage, 2)
    await asked.nothing_left()
    assert await asked.collected() < MOST_LEFT * calls
