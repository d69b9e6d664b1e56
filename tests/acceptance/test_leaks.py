"""After many calls of every kind nothing of them is left: no stream, no port, no place, no file, no room."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import aiohttp
import pytest

from acceptance.asking import OK, heard
from acceptance.harness import LASTING, Callee, Customer, Onhook, lay_trunk
from acceptance.talking import arrived
from onhook.testing.phone import Phone
from onhook.testing.phone_call import PhoneCall
from onhook.testing.receiver import Receiver

OF_EACH = 15
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
NOWHERE = "http://nowhere.invalid/"


@dataclass
class Stage:
    """A server of its own, its customer, and phones at both ends."""

    customer: Customer
    callee: Callee
    callers = count(81_000_000)

    async def ringing(self) -> tuple[PhoneCall, str]:
        """A call that rings, and its session."""
        caller = f"+65{next(self.callers)}"
        customer = self.customer
        call = await customer.phone.call(customer.number, server=customer.server.sip, caller=caller)
        wanted = {"from": caller, "call_state": "ringing"}  # one name of which is a keyword
        told = await customer.receiver.next(30, **wanted)
        return call, told["session"]

    async def up(self, path: str, **params: str) -> tuple[PhoneCall, str]:
        """A call that was answered by this block, and its session."""
        call, session = await self.ringing()
        await self.customer.block(path, session, **params)
        await call.answered()
        return call, session

    async def post(self, path: str, **params: str) -> dict[str, str]:
        """A request that is accepted."""
        reply = await self.customer.post(path, **params)
        assert reply["status"] == "success_ok", reply
        return reply


@pytest.fixture
async def stage(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> AsyncIterator[Stage]:
    server = start(max_calls=str(MAX_CALLS), record_beep="false")
    line = await asyncio.to_thread(lay_trunk, server)
    customer = await Customer.make(server, receiver, phone)
    async with Phone(port=line.port) as one:
        yield Stage(customer, Callee(one, line))


async def given_up(stage: Stage) -> None:
    call, _ = await stage.ringing()
    await call.ringing()
    await call.cancel()


async def refused_and_rejected(stage: Stage) -> None:
    """Requests that fail when half of what they need is there already."""
    call, session = await stage.ringing()
    for dest in ("room:R1", stage.callee.another()):
        params = {"session": session, "dest": dest}
        for more in ({"notify_url": NOWHERE}, {"caller_id": "+6590000000", "msg": "Hi."}):
            await stage.customer.post("ivr/end/transfer", **params, **more)
            if call.is_up():  # a room shows no number to anybody
                await call.hang_up()
                return
    await stage.customer.post("ivr/middle/record", session=session, notify_url=NOWHERE)
    await stage.customer.hangup(session)
    await call.ended()


async def gathered(stage: Stage) -> None:
    call, _ = await stage.up("middle/gather", max_digits="1")
    await call.send_digits("1")
    await call.hang_up()


async def recorded(stage: Stage) -> None:
    call, _ = await stage.up("middle/record")
    await arrived(call, 5, 0.0)
    await call.send_digits("#")
    await call.hang_up()


async def cut_while_recorded(stage: Stage) -> None:
    call, session = await stage.up("middle/record")
    await arrived(call, 5, 0.0)
    assert await stage.customer.hangup(session, force="enabled") == OK
    await call.ended()


async def monitored(stage: Stage) -> None:
    call, _ = await stage.up("middle/monitor")
    await arrived(call, 5, 0.0)
    await call.hang_up()


async def held(stage: Stage) -> None:
    call, session = await stage.ringing()
    await stage.post("ivr/middle/hold", session=session)
    await call.answered()
    await heard(call, 3)
    await call.hang_up()


async def passed_on(stage: Stage) -> None:
    number = stage.callee.another()
    call, _ = await stage.up("end/transfer", dest=number + ",1")
    peer = await stage.callee.phone.incoming(called=number)
    await peer.answer()
    await peer.hang_up()
    await call.ended()


async def passed_on_in_vain(stage: Stage) -> None:
    number = stage.callee.another()
    call, session = await stage.up("end/transfer", dest=number, on_failure="continue")
    (await stage.callee.phone.incoming(called=number)).reject(486)
    await stage.customer.receiver.next(session=session, transfer_status="busy")
    await call.hang_up()


async def given_up_while_passed_on(stage: Stage) -> None:
    number = stage.callee.another()
    call, _ = await stage.up("end/transfer", dest=number)
    peer = await stage.callee.phone.incoming(called=number)
    peer.ring()
    await call.hang_up()
    await peer.cancelled()


async def in_a_room(stage: Stage) -> None:
    """Two by two: a room that fills up faster than callers leave it refuses the ninth, and rightly."""
    call, _ = await stage.up("end/transfer", dest=f"room:R{next(_callers) // 2}")
    await call.hang_up()


async def dialled(stage: Stage) -> None:
    number = stage.callee.another()
    await stage.post("ivr/start/dial", dest=number)
    call = await stage.callee.phone.incoming(called=number)
    await call.answer()
    await call.ended()


async def dialled_in_vain(stage: Stage) -> None:
    number = stage.callee.another()
    await stage.post("ivr/start/dial", dest=number)
    (await stage.callee.phone.incoming(called=number)).reject(404)


async def taken_back(stage: Stage) -> None:
    number = stage.callee.another()
    reply = await stage.post("ivr/start/dial", dest=number)
    call = await stage.callee.phone.incoming(called=number)
    call.ring()
    await stage.post("voice/hangup", txn_ref=reply["txn_ref"])
    await call.cancelled()


async def paired(stage: Stage) -> None:
    first, second = stage.callee.another(), stage.callee.another()
    await stage.post("voice/call", dest1=first, dest2=second)
    one = await stage.callee.phone.incoming(called=first)
    await one.answer()
    two = await stage.callee.phone.incoming(called=second)
    await two.answer()
    await one.hang_up()
    await two.ended()


async def conferred(stage: Stage) -> None:
    numbers = [stage.callee.another(), stage.callee.another()]
    await stage.post("conference/call", dest=",".join(numbers))
    one = await stage.callee.phone.incoming(called=numbers[0])
    two = await stage.callee.phone.incoming(called=numbers[1])
    await one.answer()
    two.reject(486)
    await one.hang_up()


_callers = count(2)
KINDS: tuple[Callable[[Stage], Awaitable[None]], ...] = (
    given_up, refused_and_rejected, gathered, recorded, cut_while_recorded, monitored, held,
    passed_on, passed_on_in_vain, given_up_while_passed_on, in_a_room, dialled, dialled_in_vain,
    taken_back, paired, conferred,
)  # fmt: skip


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
    async with asyncio.timeout(30):
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


async def test_nothing_is_left_of_hundreds_of_calls(stage: Stage) -> None:
    server = stage.customer.server
    await in_turn(stage, [*KINDS])
    await emptied(server)
    before = open_files(server)
    await in_turn(stage, [kind for kind in KINDS for _ in range(OF_EACH)])
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


async def test_a_room_is_as_large_after_hundreds_have_left_it(stage: Stage) -> None:
    for _ in range(25):
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
