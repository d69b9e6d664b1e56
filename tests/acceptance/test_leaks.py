"""After many calls of every kind nothing of them is left: no stream, no port, no place, no file, no room."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import aiohttp
import pytest

from acceptance.harness import LASTING, Callee, Customer, Onhook, lay_trunk
from acceptance.kinds import KINDS, Stage
from briefly import slow_but
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver

FEW, MANY = 3, 15
"""Calls of each kind."""
ROOMS_FULL = 25
AT_ONCE = 12
MAX_CALLS = 40
"""More than are there at once, so that a place that is not given back is missed in the end."""
CONNECTIONS = 64
"""So many to one receiver may be kept open for what it will be told next."""
LEFT = (
    "onhook_calls{",
    "onhook_media_streams",
    "onhook_media_ports_used",
    "onhook_media_commands_refused",
)


@pytest.fixture
async def stage(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> AsyncIterator[Stage]:
    server = start(max_calls=str(MAX_CALLS), record_beep="false")
    line = await asyncio.to_thread(lay_trunk, server)
    customer = await Customer.make(server, receiver, phone)
    async with Phone(port=line.port) as one:
        yield Stage(customer, Callee(one, line))


async def in_turn(stage: Stage, works: list[Callable[[Stage], Awaitable[None]]]) -> None:
    """All of them, some at a time."""
    free = asyncio.Semaphore(AT_ONCE)

    async def one(work: Callable[[Stage], Awaitable[None]]) -> None:
        async with free:
            await work(stage)

    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(one(work))


async def figures(server: Onhook) -> Mapping[str, float]:
    async with aiohttp.ClientSession() as http, http.get(f"{server.url}/metrics") as reply:
        lines = (await reply.text()).splitlines()
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")
    }


async def emptied(server: Onhook) -> None:
    """Returns when no call, no stream and no port is left, nor a recording that is not finished."""
    async with asyncio.timeout(60):
        while True:
            now = await figures(server)
            watched = [value for name, value in now.items() if name.startswith(LEFT)]
            assert len(watched) > 3
            spools = [
                path for path in (server.data / "recordings").iterdir() if path.suffix != ".mp3"
            ]
            if not any(watched) and not spools:
                return
            await asyncio.sleep(0.1)


def open_files(server: Onhook) -> int:
    """Of all its processes that run as long as it does; others come and go."""
    lasting = server.pids("supervisor", *LASTING)
    return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in lasting)


@pytest.mark.parametrize("of_each", slow_but([FEW], [FEW, MANY]))
async def test_nothing_is_left_of_many_calls(stage: Stage, of_each: int) -> None:
    server = stage.customer.server
    await in_turn(stage, [*KINDS])
    await emptied(server)
    before = open_files(server)
    await in_turn(stage, [kind for kind in KINDS for _ in range(of_each)])
    await emptied(server)
    assert open_files(server) <= before + CONNECTIONS
    log = [line for line in server.log.splitlines() if '"level": "error"' in line]
    assert log == []
    await all_places_are_free(stage)


async def all_places_are_free(stage: Stage) -> None:
    """As many calls as the account may have can be placed, and not one more."""
    numbers = [stage.callee.another() for _ in range(MAX_CALLS)]
    for number in numbers:
        await stage.post("ivr/start/dial", dest=number)
    reply = await stage.customer.post("ivr/start/dial", dest=stage.callee.another())
    assert reply["status"] == "error_concurrent_call_limit_reached"
    for number in numbers:
        (await stage.callee.phone.incoming(called=number)).reject(486)
    await emptied(stage.customer.server)


@pytest.mark.parametrize("times", slow_but([2], [2, ROOMS_FULL]))
async def test_a_room_is_as_large_after_many_have_left_it(stage: Stage, times: int) -> None:
    for _ in range(times):
        members = await asyncio.gather(
            *(stage.up("end/transfer", dest="room:R1") for _ in range(8))
        )
        await asyncio.gather(*(call.hang_up() for call, _ in members))
    for _ in range(8):
        await stage.up("end/transfer", dest="room:R1")
    call, session = await stage.ringing()
    reply = await stage.customer.post("ivr/end/transfer", session=session, dest="room:R1")
    assert reply["status"] == "error_invalid_room"
    assert not call.is_over()
