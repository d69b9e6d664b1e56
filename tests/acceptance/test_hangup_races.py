"""Hangups that meet other Hangups, other blocks, and the caller's own end of the call."""

import asyncio
import json
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest

from acceptance.asking import (
    OK,
    answer_the_bye,
    assert_untouched,
    notifications_after_the_end,
    playing,
)
from acceptance.files import BEEP, LONG, FileServer
from acceptance.harness import Customer
from briefly import slow_but
from onhook.testing.call_log import How

ALREADY = "error_hangup_already_in_progress"
ENDED = "error_session_ended"
TOGETHER = 20


async def hang_up_together(customer: Customer, session: str, **params: str) -> Counter[str]:
    """Many equal Hangups at the same time; how often each status came back.

    All are there, on connections that the server has taken already, before it reads one: what comes when the
    call is over is not parallel to what ended it.
    """
    host = customer.server.url.removeprefix("http://")
    who = {"app_id": customer.app_id, "access_token": customer.access_token, "session": session}
    body = urlencode({**who, **params}).encode()
    head = f"POST /open/ivr/end/hangup HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    opened = await asyncio.gather(*(taken(host) for _ in range(TOGETHER)))
    with stopped(await asyncio.to_thread(customer.server.pid, "switch")):
        for _, writer in opened:
            writer.write(request)
    replies = await asyncio.gather(*[reader.read() for reader, _ in opened])
    for _, writer in opened:
        writer.close()
    return Counter(json.loads(reply.partition(b"\r\n\r\n")[2])["status"] for reply in replies)


async def taken(host: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which the server has answered a request: what the kernel has accepted may wait there
    until the server takes it."""
    name, _, port = host.partition(":")
    reader, writer = await asyncio.open_connection(name, int(port))
    writer.write(f"GET /open/ HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    [length] = re.findall(r"^content-length: (\d+)", head, re.MULTILINE)
    await reader.readexactly(int(length))
    return reader, writer


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """The process stands still meanwhile; a write of ours to loopback is with it when it has returned."""
    os.kill(pid, signal.SIGSTOP)
    try:
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            time.sleep(0.001)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


# Hangup against Hangup -------------------------------------------------------------------------


@pytest.mark.parametrize("force", ["", "enabled"])
async def test_of_20_parallel_hangups_of_a_ringing_call_one_succeeds(
    customer: Customer, force: str
) -> None:
    """The others are told that it is in progress, however quickly the call was over."""
    call, told = await customer.call()
    notify_url = customer.receiver.url("/end")
    statuses = await hang_up_together(customer, told["session"], force=force, notify_url=notify_url)
    assert statuses == {"success_ok": 1, ALREADY: TOGETHER - 1}
    assert (await call.ended()).how is How.REJECTED
    assert await notifications_after_the_end(customer.server, told["session"]) == 2


async def test_of_20_parallel_hangups_with_a_message_one_succeeds(
    customer: Customer, files: FileServer
) -> None:
    """The message is being prepared, then plays; nobody else is accepted all the while."""
    files.serve("long.wav", LONG)
    released = files.hold("long.wav")
    call, told = await customer.call()
    msg = f"<url>{files.serve('long.wav', LONG)}</url>"
    asked = asyncio.create_task(hang_up_together(customer, told["session"], msg=msg))
    await files.asked_for("long.wav")
    released.set()
    assert await asked == {"success_ok": 1, ALREADY: TOGETHER - 1}
    await call.answered()
    assert call.log.received(200) != []
    assert files.requests == ["/long.wav"]
    assert await hang_up_together(customer, told["session"], msg=msg) == {ALREADY: TOGETHER}


@pytest.mark.parametrize("answer_bye", [True, False])
async def test_of_20_parallel_forced_hangups_of_a_playing_call_one_succeeds(
    customer: Customer, files: FileServer, answer_bye: bool
) -> None:
    """Whether the call is over at once, or stays on its way out. Once it is over, a request that is read
    only then is told so."""
    call, told = await playing(customer, files, answer_bye=answer_bye)
    statuses = await hang_up_together(customer, told["session"], force="enabled")
    assert statuses.pop("success_ok") == 1
    assert statuses.keys() <= {ALREADY, *(["error_session_ended"] if answer_bye else [])}
    assert (await call.ended()).how is How.BYE_RECEIVED
    assert len({seen.message.branch for seen in call.log.received("BYE")}) == 1


async def test_a_forced_hangup_waits_for_one_that_is_being_prepared(
    customer: Customer, files: FileServer
) -> None:
    """If that one fails, the call is as it was before, and the next one is accepted."""
    url = files.serve("missing.wav", b"", 404)
    released = files.hold("missing.wav")
    call, told = await customer.call()
    first = asyncio.create_task(customer.hangup(told["session"], msg=f"<url>{url}</url>"))
    await files.asked_for("missing.wav")
    for params in ({}, {"force": "enabled"}, {"msg": "Hi."}, {"force": "enabled", "msg": "Hi."}):
        assert (await customer.hangup(told["session"], **params))["status"] == ALREADY
    released.set()
    assert (await first)["status"] == "error_msg_download_failed"
    await assert_untouched(customer, call, told)


# Hangup against another block that is being prepared -------------------------------------------


async def test_an_unforced_hangup_while_a_play_is_being_prepared(
    customer: Customer, files: FileServer
) -> None:
    url = files.serve("beep.wav", BEEP)
    released = files.hold("beep.wav")
    call, told = await customer.call()
    params = {"session": told["session"], "msg": f"<url>{url}</url>"}
    play = asyncio.create_task(customer.post("ivr/middle/play", **params))
    await files.asked_for("beep.wav")
    reply = await customer.hangup(told["session"])
    assert reply["status"] == "error_session_not_ready"
    assert call.log.received(200) == []
    released.set()
    assert await play == OK
    assert (await call.ended()).how is How.BYE_RECEIVED
    assert call.recording.heard_s == pytest.approx(0.1)


async def test_a_forced_hangup_while_a_play_is_being_prepared(
    customer: Customer, files: FileServer
) -> None:
    """It does not wait for the download; the Play is told that the call is over."""
    url = files.serve("beep.wav", BEEP)
    files.hold("beep.wav")
    call, told = await customer.call()
    params = {"session": told["session"], "msg": f"<url>{url}</url>"}
    play = asyncio.create_task(customer.post("ivr/middle/play", **params))
    await files.asked_for("beep.wav")
    assert await customer.hangup(told["session"], force="enabled") == OK
    ended = await call.ended()
    assert (ended.how, ended.code) == (How.REJECTED, 603)
    assert (await play)["status"] == ENDED
    assert call.log.received(200) == []


# Hangup against the caller ---------------------------------------------------------------------


async def test_the_caller_gives_up_while_a_message_is_being_prepared(
    customer: Customer, files: FileServer
) -> None:
    """The request is told at once, and the notification is the answer block's: no other ran."""
    url = files.serve("beep.wav", BEEP)
    files.hold("beep.wav")
    call, told = await customer.call()
    params = {"msg": f"<url>{url}</url>", "notify_url": customer.receiver.url("/end")}
    asked = asyncio.create_task(customer.hangup(told["session"], **params))
    await files.asked_for("beep.wav")
    assert (await call.cancel()).how is How.CANCELLED
    assert (await asked)["status"] == ENDED
    last = await customer.receiver.next(session=told["session"])
    assert (last.path, last["ivr_block"], last["cause"]) == ("/answer", "answer", "cancelled")
    assert await notifications_after_the_end(customer.server, told["session"]) == 2


@pytest.mark.parametrize("turn", slow_but([0, 1, 6, 7], range(10)))
async def test_a_hangup_that_meets_a_cancel(customer: Customer, turn: int) -> None:
    """Whoever comes first ends the call; the caller is told so, and the application once."""
    call, told = await customer.call()
    session, notify_url = told["session"], customer.receiver.url("/end")
    hangup = customer.hangup(session, force="enabled" if turn % 2 else "", notify_url=notify_url)
    if turn < 5:
        reply, ended = await asyncio.gather(hangup, call.cancel())
    else:
        ended, reply = await asyncio.gather(call.cancel(), hangup)
    assert ended.how in (How.REJECTED, How.CANCELLED)
    last = await customer.receiver.next(session=session)
    if reply == OK:
        assert (ended.code, last.path, last["ended_by"]) == (603, "/end", "application")
    else:
        assert reply["status"] == ENDED
        assert (ended.code, last.path, last["ended_by"]) == (487, "/answer", "caller")
    assert (last["call_state"], last["debit"]) == ("ended", "0.000")
    assert await notifications_after_the_end(customer.server, session) == 2
    assert call.complaints == []


@pytest.mark.parametrize("turn", slow_but(range(4), range(10)))
async def test_a_hangup_that_meets_a_bye(customer: Customer, files: FileServer, turn: int) -> None:
    """The same while a Play plays: the bill is the same whoever was first."""
    call, told = await playing(customer, files)
    session, notify_url = told["session"], customer.receiver.url("/end")
    hangup = customer.hangup(session, force="enabled", notify_url=notify_url)
    if turn % 2:
        reply, _ = await asyncio.gather(hangup, call.hang_up())
    else:
        _, reply = await asyncio.gather(call.hang_up(), hangup)
    last = await customer.receiver.next(session=session)
    if reply == OK:
        assert (last["ivr_block"], last["ended_by"]) == ("hangup", "application")
    else:
        assert reply["status"] == ENDED
        assert (last["ivr_block"], last["ended_by"]) == ("play", "caller")
    assert (last["call_state"], last["debit"]) == ("ended", "0.020")
    assert await notifications_after_the_end(customer.server, session) == 2
    assert call.complaints == []


async def test_the_callers_bye_crosses_ours(customer: Customer, files: FileServer) -> None:
    """Both are answered, and whoever was accepted first has ended the call."""
    call, told = await playing(customer, files, answer_bye=False)
    params = {"force": "enabled", "notify_url": customer.receiver.url("/end")}
    assert await customer.hangup(told["session"], **params) == OK
    await call.ended()
    answer = await call.request("BYE")
    assert answer.status == 200
    answer_the_bye(customer, call)
    last = await customer.receiver.next(session=told["session"])
    assert (last["ended_by"], last["cause"]) == ("application", "forced_hangup")
    assert await notifications_after_the_end(customer.server, told["session"]) == 2
