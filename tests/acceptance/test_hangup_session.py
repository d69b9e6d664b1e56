"""Which sessions can be hung up, when, and by whom."""

import asyncio
import re
import time

import pytest

from acceptance.asking import (
    OK,
    assert_refused,
    playing,
    rows,
    sentence,
)
from acceptance.files import BEEP, LONG, FileServer
from acceptance.harness import Customer, Onhook
from acceptance.talking import until
from onhook.testing.call_log import How
from onhook.testing.receiver import Notification

HOUR_MS = 3600 * 1000

# Identifiers -----------------------------------------------------------------------------------


async def test_sessions_cannot_be_guessed(customer: Customer) -> None:
    """The shape that clients know, 96 bits or more, and nothing in common from call to call."""
    sessions = {(await customer.call())[1]["session"] for _ in range(10)}
    assert len(sessions) == 10
    for session in sessions:
        assert re.fullmatch(r"S[0-9A-Za-z]{17,}", session)
    columns = list(zip(*sessions, strict=True))[1:]
    assert all(len(set(column)) > 1 for column in columns)


@pytest.mark.parametrize(
    "session",
    [
        "S00000000000000000000",
        "S1",
        "nonsense",
        "' OR 1=1 --",
        "\N{SNOWMAN}" * 21,
        "S" * 10_000,
    ],
)
async def test_error_invalid_session(customer: Customer, session: str) -> None:
    await assert_refused(customer, "error_invalid_session", session=session)


async def through(server: Onhook, session: str) -> None:
    """Returns once the call has ended at its phone as well: nothing more is written of it."""
    query = "SELECT state, dialog FROM calls WHERE session = ?"
    await until(lambda: rows(server, query, session) == [("ended", "")], "the last word of it")


async def test_a_session_is_not_found_by_another_spelling(customer: Customer) -> None:
    call, told = await customer.call()
    for session in (told["session"].swapcase(), f"{told['session']} x", told["session"][:-1]):
        assert (await customer.hangup(session))["status"] == "error_invalid_session"
    assert not call.is_over()


# Whose -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("force", ["", "enabled"])
async def test_error_session_access_denied(customer: Customer, force: str) -> None:
    """Another application can do nothing to the call, while it is up and after it ended."""
    other = await Customer.make(customer.server, customer.receiver, customer.phone)
    call, told = await customer.call()
    reply = await other.hangup(told["session"], force=force)
    assert reply["status"] == "error_session_access_denied"
    sentence(reply)
    assert not call.is_over()
    assert await customer.hangup(told["session"]) == OK
    assert (await call.ended()).how is How.REJECTED
    reply = await other.hangup(told["session"], force=force)
    assert reply["status"] == "error_session_access_denied"


# After the end ---------------------------------------------------------------------------------


@pytest.mark.parametrize("force", ["", "enabled"])
async def test_error_session_ended(customer: Customer, force: str) -> None:
    call, told = await customer.call()
    assert (await call.cancel()).how is How.CANCELLED
    await customer.receiver.next(session=told["session"], call_state="ended")
    for path, params in (
        ("ivr/end/hangup", {"force": force}),
        ("ivr/end/hangup", {"force": force, "msg": "Hi."}),
        ("ivr/middle/play", {"msg": "Hi."}),
    ):
        reply = await customer.post(path, session=told["session"], **params)
        assert reply["status"] == "error_session_ended"
        sentence(reply)


@pytest.mark.parametrize(
    ("hours", "status"), [(23, "error_session_ended"), (25, "error_invalid_session")]
)
async def test_an_ended_session_is_remembered_for_24_hours(
    customer: Customer, hours: int, status: str
) -> None:
    call, told = await customer.call()
    await call.cancel()
    await through(customer.server, told["session"])
    ended_ms = round(time.time() * 1000) - hours * HOUR_MS
    update = "UPDATE calls SET ended_ms = ? WHERE session = ?"
    rows(customer.server, update, ended_ms, told["session"])
    assert (await customer.hangup(told["session"]))["status"] == status


async def test_of_a_forgotten_session_nobody_learns_whose_it_was(customer: Customer) -> None:
    other = await Customer.make(customer.server, customer.receiver, customer.phone)
    call, told = await customer.call()
    await call.cancel()
    await through(customer.server, told["session"])
    ended_ms = round(time.time() * 1000) - 25 * HOUR_MS
    update = "UPDATE calls SET ended_ms = ? WHERE session = ?"
    rows(customer.server, update, ended_ms, told["session"])
    assert (await other.hangup(told["session"]))["status"] == "error_invalid_session"


# Whose turn it is ------------------------------------------------------------------------------


async def test_error_session_not_ready_while_a_play_runs(
    customer: Customer, files: FileServer
) -> None:
    """An unforced Hangup waits its turn like every block, and the Play goes on."""
    call, told = await playing(customer, files)
    for params in ({}, {"msg": "Hi."}, {"notify_url": "http://no-such-host.invalid/"}):
        reply = await customer.hangup(told["session"], **params)
        assert reply["status"] == "error_session_not_ready"
        sentence(reply)
    reply = await customer.post("ivr/middle/play", session=told["session"], msg="Hi.")
    assert reply["status"] == "error_session_not_ready"
    heard_s = call.recording.heard_s
    while call.recording.heard_s <= heard_s:
        await asyncio.sleep(0.01)
    assert call.is_up()
    assert await customer.hangup(told["session"], force="enabled") == OK
    assert (await call.ended()).how is How.BYE_RECEIVED


async def test_error_session_not_ready_while_a_hangup_plays_its_message(
    customer: Customer, files: FileServer
) -> None:
    """For another block; for a Hangup the status says that one is on its way."""
    call, told = await customer.call()
    msg = f"<url>{files.serve('long.wav', LONG)}</url>"
    assert await customer.hangup(told["session"], msg=msg) == OK
    await call.answered()
    reply = await customer.post("ivr/middle/play", session=told["session"], msg="Hi.")
    assert reply["status"] == "error_session_not_ready"
    for params in ({}, {"msg": "Hi."}):
        reply = await customer.hangup(told["session"], **params)
        assert reply["status"] == "error_hangup_already_in_progress"
        sentence(reply)
    assert call.is_up()


async def test_a_hangup_is_accepted_once_the_play_was_notified(
    customer: Customer, files: FileServer
) -> None:
    call, told = await customer.call()
    session = told["session"]
    msg = f"<url>{files.serve('beep.wav', BEEP)}</url>"
    notify_url = customer.receiver.url("/played")
    play = await customer.post("ivr/middle/play", session=session, msg=msg, notify_url=notify_url)
    assert play == OK
    played = await customer.receiver.next(session=session)
    assert (played["ivr_block"], played["call_state"]) == ("play", "ongoing")
    assert await customer.hangup(session, msg=msg) == OK
    assert (await call.ended()).how is How.BYE_RECEIVED
    assert call.recording.lost == 0


async def test_a_request_from_inside_a_handler_is_never_refused(
    customer: Customer, files: FileServer
) -> None:
    """The application takes every step before it has answered the notification of the last."""
    msg = f"<url>{files.serve('beep.wav', BEEP)}</url>"
    notify_url = customer.receiver.url("/next")
    replies: list[dict[str, str]] = []

    async def application(told: Notification) -> None:
        if told["call_state"] == "ended":
            return
        path = "ivr/end/hangup" if len(replies) == 3 else "ivr/middle/play"
        params = {"session": told["session"], "msg": msg, "notify_url": notify_url}
        replies.append(await customer.post(path, **params))

    customer.receiver.handler = application
    calls = [await customer.phone.call(customer.number, server=customer.server.sip)]
    assert (await calls[0].ended()).how is How.BYE_RECEIVED
    await customer.receiver.next(call_state="ended")
    assert replies == [OK] * 4
    told = [(n["ivr_block"], n["call_state"]) for n in customer.receiver.notifications]
    ongoing = [("play", "ongoing")] * 3
    assert told == [("answer", "ringing"), *ongoing, ("hangup", "ended")]


# msg and force ---------------------------------------------------------------------------------


async def test_error_cannot_play_msg_with_force(customer: Customer) -> None:
    await assert_refused(customer, "error_cannot_play_msg_with_force", force="enabled", msg="Hi.")


async def test_error_cannot_play_msg_with_force_while_a_play_runs(
    customer: Customer, files: FileServer
) -> None:
    """That the session is not ready is no reason to refuse a forced Hangup; its msg is."""
    call, told = await playing(customer, files)
    reply = await customer.hangup(told["session"], force="enabled", msg="Hi.")
    assert reply["status"] == "error_cannot_play_msg_with_force"
    assert call.is_up()


async def test_an_empty_msg_can_be_given_with_force(customer: Customer) -> None:
    call, told = await customer.call()
    assert await customer.hangup(told["session"], force="enabled", msg="") == OK
    assert (await call.ended()).how is How.REJECTED
