"""Phones that are gone before their call is hung up: the network ended it, when they were last heard."""

import asyncio
import json
import socket
import time
from collections.abc import Callable

import pytest

from acceptance.asking import OK, heard, playing, rows
from acceptance.files import FileServer
from acceptance.harness import Customer, Onhook
from acceptance.test_hostile import logged
from acceptance.test_operating import onhook
from media.rtcp_text import Block, report
from onhook.calls.clock import api_date
from onhook.testing.phone_call import PhoneCall
from onhook.testing.receiver import Notification
from onhook.testing.sip_text import response

MISSED_S = 1.0
"""A phone that was heard within this time before the BYE was there."""


async def talking(
    customer: Customer, files: FileServer, **options: object
) -> tuple[PhoneCall, str]:
    """A call in mid-message, whose phone answers no BYE."""
    call, told = await playing(customer, files, answer_bye=False, **options)
    await heard(call, 10)
    return call, told["session"]


async def hung_up(
    customer: Customer, call: PhoneCall, session: str, status: int, **params: str
) -> Notification:
    """The terminal notification of a call that is hung up, to the BYE of which this is the answer."""
    params = {"force": "enabled", "notify_url": customer.receiver.url("/end"), **params}
    assert await customer.hangup(session, **params) == OK
    [bye, *_] = await call.received("BYE")
    reply = response(bye.message, status, "As it is")
    customer.phone.send_raw(reply.to_bytes(), customer.server.sip)
    return await customer.receiver.next(session=session, ivr_block="hangup")


async def falls_silent(call: PhoneCall) -> int:
    """The phone sends nothing for longer than may be missed; when that had begun, wall clock, ms."""
    call.audio.stop()
    silent_ms = round(time.time() * 1000)
    await asyncio.sleep(MISSED_S + 0.3)
    return silent_ms


def ends(server: Onhook, session: str) -> tuple[int, int, int]:
    """When the call was answered and ended, and how long it lasted, ms."""
    query = "SELECT answered_ms, ended_ms, duration_ms FROM calls WHERE session = ?"
    [(answered_ms, ended_ms, duration_ms)] = rows(server, query, session)
    return answered_ms, ended_ms, duration_ms


async def test_a_phone_that_was_gone_in_mid_message(customer: Customer, files: FileServer) -> None:
    """The notification, the record and the log say so; the bill ends when it was last heard."""
    call, session = await talking(customer, files)
    silent_ms = await falls_silent(call)
    told = await hung_up(customer, call, session, 481)
    assert (told["ended_by"], told["cause"]) == ("network", "media_lost")
    answered_ms, ended_ms, duration_ms = ends(customer.server, session)
    assert ended_ms < silent_ms + MISSED_S * 1000
    assert abs(duration_ms - (ended_ms - answered_ms)) <= 2  # two roundings of the wall clock
    assert told["last_seen"] == api_date(ended_ms)
    data = ["--data", str(customer.server.data)]
    shown = await asyncio.to_thread(onhook, "calls", "show", session, "--json", *data)
    found = json.loads(shown.stdout)
    assert (found["ended_by"], found["cause"], found["ended_ms"]) == (
        "network", "media_lost", ended_ms,
    )  # fmt: skip
    [ended] = [one for one in logged(customer.server, "call_ended") if one["session"] == session]
    assert (ended["ended_by"], ended["cause"]) == ("network", "media_lost")
    assert (ended["duration_ms"], ended["last_seen"]) == (duration_ms, told["last_seen"])


async def test_a_phone_that_said_something_by_sip_was_there_then(
    customer: Customer, files: FileServer
) -> None:
    call, session = await talking(customer, files)
    silent_ms = await falls_silent(call)
    assert (await call.request("OPTIONS")).status == 200
    await asyncio.sleep(MISSED_S + 0.3)
    told = await hung_up(customer, call, session, 481)
    assert told["ended_by"] == "network"
    _, ended_ms, _ = ends(customer.server, session)
    assert ended_ms >= silent_ms + MISSED_S * 1000


async def test_what_the_phone_reported_to_have_received_is_told(
    customer: Customer, files: FileServer
) -> None:
    """By RTCP, which counts as a sign of the phone as well."""
    call, session = await talking(customer, files)
    assert call.audio.route is not None
    host, port = call.audio.route.address
    await heard(
        call, 100
    )  # a packet left so long ago as packets followed it: a stall is not counted
    silent_ms = await falls_silent(call)
    arrived = call.recording.packets[5]
    block = Block(arrived.ssrc, highest=arrived.seq)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtcp:
        rtcp.bind((call.audio.address[0], 0))
        rtcp.sendto(report(call.audio.sent[-1].ssrc, block), (host, port + 1))
    await asyncio.sleep(MISSED_S + 1.3)  # RTCP is read once a second
    told = await hung_up(customer, call, session, 481)
    assert (told["ended_by"], told["cause"]) == ("network", "media_lost")
    answered_ms, ended_ms, _ = ends(customer.server, session)
    assert ended_ms >= silent_ms + MISSED_S * 1000
    assert 0 <= float(told["received_s"]) * 1000 < silent_ms - answered_ms
    data = ["--data", str(customer.server.data)]
    shown = await asyncio.to_thread(onhook, "calls", "show", session, *data)
    assert f"the first {told['received_s']} s" in shown.stdout


@pytest.mark.parametrize(
    ("talk", "silent", "status"),
    [(True, True, 200), (True, False, 481), (False, True, 481)],
    ids=["it is muted, and answers", "it is heard until the BYE", "it never sent any audio"],
)
async def test_a_phone_that_was_there_or_never_heard_is_billed_to_the_bye(
    customer: Customer, files: FileServer, talk: bool, silent: bool, status: int
) -> None:
    call, session = await talking(customer, files, talk=talk)
    if silent:
        await falls_silent(call)
    asked_ms = round(time.time() * 1000)
    told = await hung_up(customer, call, session, status)
    assert (told["ended_by"], told["cause"]) == ("application", "forced_hangup")
    assert "last_seen" not in told.form
    assert ends(customer.server, session)[1] >= asked_ms - 1


@pytest.mark.slow
async def test_a_phone_that_answers_nothing_any_more(
    start: Callable[..., Onhook], customer: Customer, files: FileServer
) -> None:
    """As a phone does that lost its network. Its BYE is repeated for 32 s, then the application is told."""
    call, session = await talking(customer, files)
    silent_ms = await falls_silent(call)
    url = customer.receiver.url("/end")
    assert await customer.hangup(session, force="enabled", notify_url=url) == OK
    told = await customer.receiver.next(session=session, ivr_block="hangup", timeout_s=60)
    assert (told["ended_by"], told["cause"]) == ("network", "media_lost")
    assert ends(customer.server, session)[1] < silent_ms + MISSED_S * 1000
