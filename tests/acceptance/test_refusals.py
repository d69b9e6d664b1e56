"""What was refused can be seen: strangers, unknown numbers, URLs that may not be called, requests."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from acceptance.asking import ask, form, rows
from acceptance.harness import Customer, Onhook
from acceptance.talking import until
from acceptance.test_operator_commands import command, run
from briefly import slow_but
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver


def logged(server: Onhook, event: str) -> list[dict[str, Any]]:
    """The lines of an event, in order."""
    lines = [json.loads(line) for line in server.log.splitlines()]
    return [line for line in lines if line["event"] == event]


async def test_a_strangers_invite_is_logged_once_a_minute_with_what_mends_it(
    start: Callable[..., Onhook],
) -> None:
    server = start(trusted_peers="10.0.0.0/8,127.0.0.3/32")
    for host in ("127.0.0.1", "127.0.0.1", "127.0.0.2"):
        async with Phone(host=host) as stranger:
            call = await stranger.call("+6531234567", server=server.sip)
            ended = await call.ended()
            assert (ended.how, ended.code) == (How.REJECTED, 403)
            refused = call.log.received(403)[-1].message
            assert refused.reason == "Address Not Among Trusted Peers"
    lines = logged(server, "sip_stranger_refused")
    assert [line["peer"] for line in lines] == ["127.0.0.1", "127.0.0.2"]
    assert all("--trusted-peers" in line["hint"] and line["peer"] in line["hint"] for line in lines)
    assert "31234567" not in server.log
    async with Phone(host="127.0.0.3") as known:
        ended = await (await known.call("+6531234567", server=server.sip)).ended()
        assert ended.code == 404


@pytest.mark.parametrize("private", slow_but(["no"], ["no", "yes"]))
async def test_a_call_to_an_unknown_number_says_how_it_was_written(
    start: Callable[..., Onhook], phone: Phone, private: str
) -> None:
    server = start(log_private=private)
    asked = ["31234567", "006531234567", "+6531234567", "reception", "sip:127.0.0.1"]
    for uri in asked:
        ended = await (await phone.call(uri, server=server.sip)).ended()
        assert (ended.how, ended.code) == (How.REJECTED, 404)
    lines = logged(server, "call_refused")
    assert [line["form"] for line in lines] == [
        "8 digits",
        "10 digits behind 00",
        "10 digits behind +",
        "no number",
        "nothing",
    ]
    assert all("--country" in line["hint"] for line in lines)
    if private == "yes":
        assert [line["private"]["called"] for line in lines] == [*asked[:4], ""]
    else:
        assert not any("private" in line for line in lines)
        assert "31234567" not in server.log
        assert "reception" not in server.log


async def test_the_log_has_numbers_of_calls_only_if_asked_for(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    customer = await Customer.make(start(log_private="true"), receiver, phone)
    call, _ = await customer.call()
    await call.cancel()
    await until(lambda: "call_ended" in customer.server.log, "the end in the log")
    [line] = logged(customer.server, "call_ended")
    assert line["private"] == {"from": phone.number, "to": customer.number}


async def test_a_call_whose_url_may_not_be_called_does_not_ring_in_vain(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    """It would have rung for a minute, longer than this waits."""
    server = start(allowed_networks="192.0.2.0/24")
    customer = await Customer.make(server, receiver, phone)
    call = await phone.call(customer.number, server=server.sip)
    ended = await call.ended()
    assert (ended.how, ended.code) == (How.REJECTED, 480)
    [line] = logged(server, "notification_attempted")
    assert (line["attempt"], line["outcome"]) == (1, "failed")
    assert "--allowed-networks" in line["hint"]
    assert "loopback" in line["error"]
    while rows(server, "SELECT state FROM calls") != [("ended",)]:
        await asyncio.sleep(0.01)
    [(session, cause)] = rows(server, "SELECT session, cause FROM calls")
    assert (line["session"], cause) == (session, "forward_to_refused")
    assert receiver.waiting() == []


async def test_number_add_warns_of_a_url_that_may_not_be_called(server: Onhook) -> None:
    app = json.loads(await command(server, "app", "create", "shop", "--json"))
    for number, url, options, warned in (
        ("+6562221001", "http://127.0.0.1:9/", [], "loopback"),
        ("+6562221002", "http://127.0.0.1:9/", ["--allowed-networks", "127.0.0.0/8"], ""),
        ("+6562221003", "http://192.168.0.1/", ["--allowed-networks", "127.0.0.0/8"], "private"),
        ("+6562221004", "http://nowhere.invalid/", [], "cannot be called now"),
        ("+6562221005", "http://1.1.1.1/", [], ""),
    ):
        where = ["--app", app["app_id"], "--forward-to", url, "--json"]
        added = await asyncio.to_thread(run, server, "number", "add", number, *where, *options)
        assert added.exit_code == 0
        assert json.loads(added.stdout)["number"] == number
        assert bool(added.stderr) == bool(warned)
        if warned:
            assert added.stderr.startswith("onhook: warning: ")
            assert warned in added.stderr
            assert number in added.stderr


async def refused(customer: Customer, session: str, count: int) -> list[dict[str, Any]]:
    """What `calls show` says of refused requests, once there are so many."""
    while True:
        report = json.loads(await command(customer.server, "calls", "show", session, "--json"))
        if len(report["refused"]) >= count:
            return list(report["refused"])


async def test_a_request_that_was_refused_is_shown_with_its_call(customer: Customer) -> None:
    """Whatever it was refused for: a parameter, credentials, the state of the call; also after the end."""
    call, told = await customer.call()
    session = told["session"]
    for params in ({"msg": "<speech"}, {"msg": "<speech"}, {"msg": "x", "notify_url": "ftp://x/"}):
        await customer.post("ivr/middle/play", session=session, **params)
    await customer.post("ivr/middle/gather", session=session)
    await customer.post(
        "ivr/middle/unhold", session=session, notify_url=customer.receiver.url("/u")
    )
    wrong = form(customer, session=session).replace(customer.access_token, "x" * 16)
    await ask(customer.server, "POST", body=wrong.encode(), content_type="text/plain")
    await customer.post("voice/hangup", txn_ref="AA-C-1")
    await customer.hangup(session, notify_url=customer.receiver.url("/end"))
    await call.ended()
    await customer.receiver.next(session=session, call_state="ended")
    await customer.hangup(session)
    shown = await refused(customer, session, 6)
    assert [(one["path"], one["status"], one["times"]) for one in shown] == [
        ("ivr/middle/play", "error_msg_invalid_xml", 2),
        ("ivr/middle/play", "error_invalid_notify_url", 1),
        ("ivr/middle/gather", "error_notify_url_param_missing", 1),
        ("ivr/middle/unhold", "error_session_not_on_hold", 1),
        ("ivr/end/hangup", "error_invalid_access_token", 1),
        ("ivr/end/hangup", "error_session_ended", 1),
    ]
    assert [one["number"] for one in shown] == list(range(1, 7))
    assert all(one["detail"].endswith(".") and one["at_ms"] > 0 for one in shown)
    table = await command(customer.server, "calls", "show", session)
    for part in ("error_msg_invalid_xml", "ivr/middle/gather", "because"):
        assert part in table


async def test_of_a_call_so_many_refusals_are_kept(customer: Customer) -> None:
    call, told = await customer.call()
    session = told["session"]
    for number in range(30):
        path = ("ivr/middle/play", "ivr/middle/gather")[number % 2]
        await customer.post(path, session=session)
    assert len(await refused(customer, session, 20)) == 20
    await call.cancel()
    await customer.receiver.next(session=session, call_state="ended")
    assert len(await refused(customer, session, 20)) == 20


async def test_what_is_for_no_call_is_not_kept(customer: Customer) -> None:
    kept = "SELECT count(*) FROM refused_requests WHERE session = ?"
    unknown = "Sx" + "1" * 19
    await customer.hangup(unknown)
    await customer.post("ivr/middle/play", session=unknown)
    body = json.dumps({"session": [unknown]}).encode()
    await ask(customer.server, "POST", body=body, content_type="application/json")
    call, told = await customer.call()
    await customer.post("ivr/middle/play", session=told["session"])
    await refused(customer, told["session"], 1)
    assert rows(customer.server, kept, unknown) == [(0,)]
    await call.cancel()
