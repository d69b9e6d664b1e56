"""The wall clock of a server is set while calls go on: nothing is billed, tried or ended by it."""

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from acceptance.asking import rows
from acceptance.crashing import acknowledged, kill, the_end
from acceptance.files import LONG, PATIENCE_S, FileServer
from acceptance.harness import Customer, Onhook
from acceptance.wall_clock import WallClock
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Notification, Receiver, Reply

SETTINGS = {"retry_schedule": "0.5", "session_s": "120"}
HOUR = timedelta(hours=1)
BEAT = "SELECT alive_ms, alive_mono_ms FROM workers"


@pytest.fixture
def clock() -> WallClock:
    return WallClock()


@pytest.fixture
def server(clock: WallClock) -> Iterator[Onhook]:
    running = Onhook(SETTINGS, environment=clock.environment)
    yield running
    running.close()


@pytest.mark.parametrize(
    "by", [12 * HOUR, pytest.param(-HOUR, marks=pytest.mark.slow)], ids=["ahead", "back"]
)
async def test_a_crash_is_billed_by_the_time_that_passed(
    server: Onhook, clock: WallClock, again: Callable[[Onhook], Onhook],
    receiver: Receiver, phone: Phone, files: FileServer, by: timedelta,
) -> None:  # fmt: skip
    customer = await Customer.make(server, receiver, phone)
    began_s = time.monotonic()
    call, told = await customer.call()
    await customer.block("middle/play", told["session"], msg=_message(files))
    await call.answered()
    await acknowledged(server, told["session"])
    clock.set(by)
    await _beaten(server, by)
    await kill(server)
    passed_ms = (time.monotonic() - began_s) * 1000
    [(_, alive_mono_ms)] = rows(server, BEAT)
    await asyncio.to_thread(again, server)
    assert (await call.ended()).how is How.BYE_RECEIVED
    last = await the_end(receiver, told["session"])
    assert (last["cause"], last["duration"], last["debit"]) == ("crash", "1", "0.020")
    [(duration_ms, answered_ms)] = rows(
        server, "SELECT duration_ms, answered_mono_ms FROM calls WHERE session = ?", told["session"]
    )
    assert duration_ms == alive_mono_ms - answered_ms
    assert 0 < duration_ms <= passed_ms


def _message(files: FileServer) -> str:
    """Half a minute."""
    return f"<url>{files.serve('long.wav', LONG)}</url>"


async def _beaten(server: Onhook, by: timedelta) -> None:
    """Returns once a heartbeat is on disk whose wall clock was set."""
    async with asyncio.timeout(PATIENCE_S):
        while (
            not (beats := rows(server, BEAT))
            or abs(beats[0][0] / 1000 - time.time() - by.total_seconds()) > 60
        ):
            await asyncio.sleep(0.05)


async def test_a_notification_is_tried_again_in_time(
    server: Onhook, clock: WallClock, receiver: Receiver, phone: Phone
) -> None:
    customer = await Customer.make(server, receiver, phone)
    tries: list[Notification] = []

    async def busy_at_first(told: Notification) -> Reply:
        tries.append(told)
        if len(tries) == 1:
            clock.set(-HOUR)
        return Reply(status=503 if len(tries) <= 2 else 200)

    receiver.handler = busy_at_first
    call = await phone.call(customer.number, server=server.sip)
    async with asyncio.timeout(PATIENCE_S):
        while len(tries) < 3:
            await asyncio.sleep(0.02)
    assert {one.headers["webhook-id"] for one in tries} == {tries[0].headers["webhook-id"]}
    # Signed at the time that the server takes for the right one.
    signed = [int(one.headers["webhook-timestamp"]) for one in tries]
    assert signed[0] - signed[1] > 3000
    clock.set(12 * HOUR)  # the ringing, and the session, are not over by that
    await call.ringing()
    assert not call.is_over()
    reply = await customer.hangup(tries[0]["session"])
    assert reply == {"status": "success_ok"}
    await call.ended()


@pytest.mark.slow
async def test_limits_of_a_call_are_not_moved(
    clock: WallClock, receiver: Receiver, phone: Phone
) -> None:
    server = Onhook({"session_s": "2"}, environment=clock.environment)
    try:
        customer = await Customer.make(server, receiver, phone)
        call, told = await customer.call()
        clock.set(-HOUR)
        last = await receiver.next(session=told["session"], timeout_s=PATIENCE_S)
        assert (last["ended_by"], last["cause"]) == ("system", "session_timeout")
        assert (await call.ended()).code == 480
    finally:
        server.close()


@pytest.mark.slow
async def test_a_request_is_carried_out_once(
    server: Onhook, clock: WallClock, receiver: Receiver, phone: Phone
) -> None:
    """A key is known for a day, and a clock that is a year ahead does not make it one."""
    customer = await Customer.make(server, receiver, phone)
    call, told = await customer.call()
    once = {
        "session": told["session"],
        "notify_url": receiver.url("/end"),
        "idempotency_key": "once",
    }
    reply = await customer.post("ivr/middle/record", **once)
    assert reply["status"] == "success_ok"
    clock.set(timedelta(days=366))
    assert await customer.post("ivr/middle/record", **once) == reply
    done = await customer.hangup(told["session"], force="enabled")
    assert done == {"status": "success_ok"}
    await call.ended()
