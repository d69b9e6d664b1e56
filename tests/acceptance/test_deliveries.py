"""The process that delivers is killed: everybody is told of everything all the same, in order."""

import asyncio
import json
import os
import random
import signal
from collections import defaultdict
from collections.abc import Callable, Collection

import pytest

from acceptance.asking import rows
from acceptance.harness import Customer, Onhook
from acceptance.test_operator_commands import command
from onhook.server.supervisor.status import ask
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Notification, Receiver, Reply

SESSIONS = 50
KILLS = 10
EVENTS = {"1", "2"}
"""What each of the sessions here is told of: it rings, and it has ended."""


def pid_of(server: Onhook, role: str) -> int | None:
    """The process that has the role now; None while it is being started anew."""
    return next((each["pid"] for each in ask(server.data) if each["role"] == role), None)


async def another(server: Onhook, role: str, before: int) -> int:
    """The process that has the role after one that was killed."""
    async with asyncio.timeout(60):
        while (pid := pid_of(server, role)) in (None, before):
            await asyncio.sleep(0.005)
    assert pid is not None
    return pid


async def kill_deliveries(server: Onhook) -> int:
    """Kill it, and wait for the next; its pid."""
    pid = pid_of(server, "deliveries")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    return await another(server, "deliveries", pid)


async def rings_and_leaves(customer: Customer, after_s: float) -> None:
    """A call that rings, and whose caller gives up, whoever was told of it by then."""
    await asyncio.sleep(after_s)
    call = await customer.phone.call(customer.number, server=customer.server.sip)
    await call.ringing()
    ended = await call.cancel()
    assert ended.how is How.CANCELLED


async def all_told(customer: Customer, sessions: int) -> dict[str, list[Notification]]:
    """Every notification that arrived, by its session, once all of them have been accepted."""
    delivered = "SELECT count(*) FROM notifications WHERE state = 'delivered'"
    async with asyncio.timeout(120):
        while rows(customer.server, delivered) != [(sessions * len(EVENTS),)]:
            await asyncio.sleep(0.05)
    found: dict[str, list[Notification]] = defaultdict(list)
    for told in customer.receiver.notifications:
        found[told["session"]].append(told)
    return found


def assert_nothing_is_lost_or_out_of_order(
    told: dict[str, list[Notification]], accepted: Collection[str], sessions: int
) -> None:
    """In each session every event, in order; one that came again has the id that it had."""
    assert len(told) == sessions
    for several in told.values():
        events = [one.headers["x-onhook-event"] for one in several]
        assert set(events) == EVENTS
        assert events == sorted(events)
        ids = {(one.headers["x-onhook-event"], one.headers["webhook-id"]) for one in several}
        assert len(ids) == len({webhook_id for _, webhook_id in ids}) == len(EVENTS)
        assert {webhook_id for _, webhook_id in ids} <= set(accepted)


class Moody:
    """An application that takes its time, and fails now and then."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.accepted: list[str] = []
        """The ids of what it answered with 200, each time."""

    async def __call__(self, told: Notification) -> Reply:
        await asyncio.sleep(self._random.uniform(0, 0.1))
        if self._random.random() < 0.25:
            return Reply(status=503)
        self.accepted.append(told.headers["webhook-id"])
        return Reply()


async def test_killed_while_fifty_sessions_notify_it_loses_nothing(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    server = start(retry_schedule="0.2")
    customer = await Customer.make(server, receiver, phone)
    receiver.handler = moody = Moody(seed=1)
    calls = [
        asyncio.create_task(rings_and_leaves(customer, number * 0.04)) for number in range(SESSIONS)
    ]
    while len(receiver.notifications) < SESSIONS // 2:
        await asyncio.sleep(0.005)
    status = json.loads(await command(server, "status", "--json"))
    [pid] = [each["pid"] for each in status["processes"] if each["role"] == "deliveries"]
    os.kill(pid, signal.SIGKILL)
    await another(server, "deliveries", pid)
    await asyncio.gather(*calls)
    assert_nothing_is_lost_or_out_of_order(
        await all_told(customer, SESSIONS), moody.accepted, SESSIONS
    )


@pytest.mark.slow
async def test_killed_again_and_again_it_loses_nothing(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    """Each at another moment of its life: just started, handed over to, in the middle of requests. With each
    kill calls begin, however long it takes until there is another."""
    server = start(retry_schedule="0.2")
    customer = await Customer.make(server, receiver, phone)
    receiver.handler = moody = Moody(seed=2)
    calls: list[asyncio.Task[None]] = []
    moment = random.Random(3)
    # One that dies before it did anything, time and again, is started with growing pauses.
    for lives in (False, True) * (KILLS // 2):
        calls += [
            asyncio.create_task(rings_and_leaves(customer, number * 0.1))
            for number in range(SESSIONS // KILLS)
        ]
        await kill_deliveries(server)
        before = len(receiver.notifications)
        while lives and len(receiver.notifications) == before and not all(c.done() for c in calls):
            await asyncio.sleep(0.01)
        await asyncio.sleep(moment.choice((0.0, 0.2)) * moment.random())
    await asyncio.gather(*calls)
    assert_nothing_is_lost_or_out_of_order(
        await all_told(customer, SESSIONS), moody.accepted, SESSIONS
    )


async def test_what_is_committed_while_it_is_dead_is_delivered_by_the_next(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    server = start()
    customer = await Customer.make(server, receiver, phone)
    switch = pid_of(server, "switch")
    async with asyncio.timeout(
        60
    ):  # one that stands still from its first moment is as good as none
        standing = await kill_deliveries(server)
        os.kill(standing, signal.SIGSTOP)
    call = await phone.call(customer.number, server=server.sip)
    await call.ringing()
    await call.cancel()
    query = "SELECT state, attempts FROM notifications ORDER BY sequence"
    async with asyncio.timeout(60):
        while rows(server, query) != [("pending", 0), ("pending", 0)]:
            await asyncio.sleep(0.01)
    assert receiver.notifications == []
    os.kill(standing, signal.SIGKILL)
    for event in ("1", "2"):
        told = await receiver.next(timeout_s=60)
        assert told.headers["x-onhook-event"] == event
    await all_told(customer, 1)
    assert len(receiver.notifications) == 2
    assert pid_of(server, "switch") == switch
    assert '"event": "deliveries_resumed"' in server.log


async def test_a_switch_that_is_killed_is_delivered_for_by_the_same_process(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    server = start(retry_schedule="0.2")
    customer = await Customer.make(server, receiver, phone)
    delivering, switch = pid_of(server, "deliveries"), pid_of(server, "switch")
    assert switch is not None
    call, told = await customer.call()
    await call.ringing()
    os.kill(switch, signal.SIGKILL)
    await call.cancel()
    last = await receiver.next(session=told["session"], call_state="ended", timeout_s=120)
    assert (last["cause"], last.headers["x-onhook-event"]) == ("cancelled", "2")
    assert pid_of(server, "deliveries") == delivering
    await customer.call()
