"""Hangup under settings that are not the defaults, and when something is wrong with the server."""

import asyncio
import re
from collections.abc import Callable, Iterator

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from acceptance.asking import OK, ask, assert_untouched, form, playing, rows, sentence
from acceptance.files import BEEP, FileServer
from acceptance.harness import Customer, Onhook
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver, Reply
from ports import free_ports

INTERNAL = "error_internal_server_error"
LIMITED = "error_rate_limit_exceeded"
PER_MINUTE = 2
"""So few that a slow machine asks again before there is one more."""


@pytest.fixture(scope="module")
def server() -> Iterator[Onhook]:
    ports = free_ports(1)
    running = Onhook(
        {
            "reject_code": "480",
            "retry_schedule": "0.1",
            "rtp_ports": f"{ports.start}-{ports.stop - 1}",
        }
    )
    yield running
    running.close()


@pytest.mark.parametrize("force", ["", "enabled"])
async def test_reject_code(customer: Customer, force: str) -> None:
    call, told = await customer.call()
    assert await customer.hangup(told["session"], force=force) == OK
    ended = await call.ended()
    assert (ended.how, ended.code) == (How.REJECTED, 480)


# Too many requests -----------------------------------------------------------------------------


@pytest.fixture
async def limited(shared: Callable[..., Onhook], receiver: Receiver, phone: Phone) -> Customer:
    """Of a server that lets each application ask this often."""
    return await Customer.make(shared(rate_limit=str(PER_MINUTE)), receiver, phone)


async def use_up_the_limit(customer: Customer) -> int:
    """Asks until the application may not ask any more; returns how often it could."""
    for asked in range(10 * PER_MINUTE):
        reply = await customer.hangup("S1")
        if reply["status"] == LIMITED:
            sentence(reply)
            return asked
        assert reply["status"] == "error_invalid_session"
    raise AssertionError("there is no limit")


async def test_error_rate_limit_exceeded(limited: Customer) -> None:
    """With the seconds to wait in a header and in the sentence; the call is not touched."""
    call, told = await limited.call()
    assert await use_up_the_limit(limited) >= PER_MINUTE
    answer = await ask(limited.server, "POST", body=form(limited, session=told["session"]).encode())
    assert (answer.http_status, answer.json["status"]) == (200, LIMITED)
    wait_s = int(answer.headers["retry-after"])
    assert 0 < wait_s <= 60 / PER_MINUTE
    assert f" {wait_s} second" in answer.json["detail"]
    assert not call.is_over()


async def test_the_rate_limit_is_each_applications_own(limited: Customer) -> None:
    other = await Customer.make(limited.server, limited.receiver, limited.phone)
    await use_up_the_limit(other)
    call, told = await limited.call()
    assert await limited.hangup(told["session"]) == OK
    assert (await call.ended()).how is How.REJECTED


async def test_the_rate_limit_is_looked_at_after_the_token_and_before_the_syntax(
    limited: Customer,
) -> None:
    await use_up_the_limit(limited)
    for params, status in (
        ({"access_token": "nobody's"}, "error_invalid_access_token"),
        ({"app_id": "nobody's"}, "error_invalid_app_id"),
        ({"msg": "<b>", "tag": "x" * 257, "notify_url": "nonsense"}, LIMITED),
    ):
        reply = await limited.post("ivr/end/hangup", **{"session": "S1", **params})
        assert reply["status"] == status


# Something is wrong with the server ------------------------------------------------------------


def assert_incident(server: Onhook, reply: dict[str, str], cause: str) -> None:
    """The reply names an incident and nothing else; the log has the incident with its cause."""
    assert reply["status"] == INTERNAL
    incident = re.search(r"\b[0-9a-f]{12}\b", sentence(reply))
    assert incident is not None
    for inside in ("Traceback", "Error", "/", "sql", "port"):
        assert inside not in reply["detail"]
    at = server.log.index(incident[0])
    assert cause in server.log[at:]


async def test_error_internal_server_error_when_no_port_is_left(
    customer: Customer, files: FileServer
) -> None:
    """There is one port for audio, and a call has it. The other call rings on."""
    talking, told_talking = await playing(customer, files)
    call, told = await customer.call()
    msg = f"<url>{files.serve('beep.wav', BEEP)}</url>"
    reply = await customer.hangup(told["session"], msg=msg)
    assert_incident(customer.server, reply, "every port of --rtp-ports is in use")
    assert call.log.received(200) == []
    assert talking.is_up()
    notify_url = customer.receiver.url("/end")
    params = {"force": "enabled", "notify_url": notify_url}
    assert await customer.hangup(told_talking["session"], **params) == OK
    await customer.receiver.next(session=told_talking["session"])
    assert await customer.hangup(told["session"], msg=msg) == OK
    assert (await call.ended()).how is How.BYE_RECEIVED
    assert call.recording.heard_s == pytest.approx(0.1)


async def test_error_internal_server_error_when_the_database_is_damaged(
    customer: Customer,
) -> None:
    """Once it is whole again the call can be hung up: nothing had happened to it."""
    call, told = await customer.call()
    rows(customer.server, "ALTER TABLE applications RENAME TO lost")
    try:
        # An application is believed for a second: until this reply the hangup could do without the table.
        while (await customer.post("user/get_balance"))["status"] != INTERNAL:
            await asyncio.sleep(0.2)
        reply = await customer.hangup(told["session"])
    finally:
        rows(customer.server, "ALTER TABLE lost RENAME TO applications")
    assert_incident(customer.server, reply, "no such table")
    await assert_untouched(customer, call, told)


# Notifications ---------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirected_notification_is_not_followed_but_tried_again(
    customer: Customer, status: int
) -> None:
    call, told = await customer.call()
    elsewhere = customer.receiver.url("/elsewhere")
    customer.receiver.reply_with(Reply(status=status, headers={"Location": elsewhere}))
    await customer.hangup(told["session"], notify_url=customer.receiver.url("/end"))
    await call.ended()
    tries = [await customer.receiver.next(session=told["session"]) for _ in range(2)]
    assert [tried.path for tried in tries] == ["/end", "/end"]
    assert tries[0].body == tries[1].body
    assert tries[0].headers["webhook-id"] == tries[1].headers["webhook-id"]
    query = (
        "SELECT attempts.status FROM attempts JOIN notifications USING (notification_id) "
        "WHERE session = ? AND sequence = 2 ORDER BY number"
    )
    found: list[tuple[int]] = []
    async with asyncio.timeout(60):
        while len(found) < 2:
            found = rows(customer.server, query, told["session"])
            await asyncio.sleep(0.01)
    assert found == [(status,), (200,)]


# Metrics ---------------------------------------------------------------------------------------


async def measured(server: Onhook) -> dict[tuple[str, ...], float]:
    """Every sample of /metrics: its name and the values of its labels, in order of the labels."""
    async with aiohttp.ClientSession() as http, http.get(f"{server.url}/metrics") as reply:
        assert reply.status == 200
        assert reply.content_type == "text/plain"
        text = await reply.text()
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_metrics(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone, files: FileServer
) -> None:
    """Requests by block and status, calls by state, seconds to the BYE, notification attempts."""
    server = start(retry_schedule="0.1")
    customer = await Customer.make(server, receiver, phone)
    playing_call, told = await playing(customer, files)
    ringing_call, told_ringing = await customer.call()

    seen = await measured(server)
    states = {name[1]: value for name, value in seen.items() if name[0] == "onhook_calls"}
    assert {state for state, calls in states.items() if calls} == {"running", "ringing"}
    assert states["running"] == states["ringing"] == 1
    assert seen["onhook_hangup_to_bye_seconds_count",] == 0

    receiver.reply_with(Reply(status=500))
    assert (await customer.hangup("S1"))["status"] == "error_invalid_session"
    params = {"force": "enabled", "notify_url": receiver.url("/end")}
    assert await customer.hangup(told["session"], **params) == OK
    assert await customer.hangup(told_ringing["session"]) == OK
    assert (await playing_call.ended()).how is How.BYE_RECEIVED
    assert (await ringing_call.ended()).how is How.REJECTED
    for _ in range(2):
        await receiver.next(session=told["session"])

    wanted = {
        ("onhook_requests_total", "play", "success_ok"): 1,
        ("onhook_requests_total", "hangup", "success_ok"): 2,
        ("onhook_requests_total", "hangup", "error_invalid_session"): 1,
        ("onhook_request_seconds_count", "hangup"): 3,
        ("onhook_hangup_to_bye_seconds_count",): 1,  # the forced one alone
        ("onhook_notification_attempts_total", "delivered"): 3,
        ("onhook_notification_attempts_total", "failed"): 1,
        ("onhook_calls_ended_total", "forced_hangup", "application"): 1,
        ("onhook_calls_ended_total", "rejected", "application"): 1,
    }
    async with asyncio.timeout(
        60
    ):  # an attempt is counted once it is on disk; so is the end of a call
        while not (seen := await measured(server)).items() >= wanted.items() or any(
            value for name, value in seen.items() if name[0] == "onhook_calls"
        ):
            await asyncio.sleep(0.02)
    assert 0 < seen["onhook_hangup_to_bye_seconds_sum",] < 10
