"""What the API says around the blocks, field by field: accounts, numbers, the status of calls, limits."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from acceptance.accounts import move, own_account
from acceptance.asking import OK, sentence
from acceptance.harness import Customer, Onhook
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver

ALWAYS = [
    "txn_ref", "tag", "dest1", "dest2", "call_status_dest1", "call_status_dest2",
    "call_status_dest_1", "call_status_dest_2", "date", "currency", "rate",
]  # fmt: skip
"""What the official Java library reads of every call, whether it is over or not."""


@pytest.fixture
async def other(server: Onhook, receiver: Receiver, phone: Phone) -> Customer:
    return await Customer.make(server, receiver, phone)


# user/get_info ---------------------------------------------------------------------------------


async def test_info_has_every_field(customer: Customer, other: Customer) -> None:
    """The caller ids are a list: the registered number, those of the account, and private."""
    details = {
        "name": "Shop & Söhne",
        "mobile_number": "+6591112222",
        "email": "owner@shop.example.com",
        "country": "SG",
        "currency": "AUD",
    }
    account_id = await own_account(customer, prefix="QX", time_zone="Asia/Singapore", **details)
    move(other, account_id)
    numbers = sorted([customer.number, other.number])
    assert await customer.post("user/get_info") == {
        **OK,
        "uid": account_id,
        **details,
        "caller_ids": ["+6591112222", *numbers, "private"],
        "prefix": "+65",
        "time_zone": "GMT+0800SG",
        "user_status": "active",
        "sms_rebrand_status": "disabled",
        "call_rebrand_status": "enabled",
    }


@pytest.mark.parametrize(
    ("country", "zone", "prefix", "time_zone"),
    [
        ("HK", "Asia/Hong_Kong", "+852", "GMT+0800HK"),
        ("IN", "Asia/Kolkata", "+91", "GMT+0530IN"),
        ("IS", "Atlantic/Reykjavik", "+354", "GMT+0000IS"),
        ("VE", "America/Caracas", "+58", "GMT-0400VE"),
        ("MQ", "Pacific/Marquesas", "+596", "GMT-0930MQ"),
        ("ZZ", "Asia/Singapore", "", "GMT+0800ZZ"),
    ],
)
async def test_a_prefix_is_a_calling_code_and_a_time_zone_an_offset(
    customer: Customer, country: str, zone: str, prefix: str, time_zone: str
) -> None:
    await own_account(customer, country=country, time_zone=zone)
    info = await customer.post("user/get_info")
    assert (info["country"], info["prefix"], info["time_zone"]) == (country, prefix, time_zone)


async def test_an_account_without_a_registered_number(customer: Customer) -> None:
    await own_account(customer)
    info: dict[str, Any] = await customer.post("user/get_info")
    assert info["caller_ids"] == [customer.number, "private"]
    assert (info["mobile_number"], info["email"]) == ("", "")


# voice/query_status and voice/get_history ------------------------------------------------------


async def test_of_a_call_that_goes_on_only_duration_and_debit_are_missing(
    customer: Customer,
) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    _, told = await customer.call()
    status = await customer.post("voice/query_status", txn_ref=told["txn_ref"])
    history: dict[str, Any] = await customer.post("voice/get_history")
    assert sorted(status) == sorted(["status", *ALWAYS])
    assert {**OK, **history["entries"][0]} == status
    assert (status["currency"], status["rate"]) == ("SGD", "0.020")
    began = datetime.strptime(status["date"] + "+0800", "%Y-%m-%d %H:%M:%S%z")
    assert before <= began <= datetime.now(UTC)


async def test_the_tag_is_that_of_the_initial_request(customer: Customer) -> None:
    call, told = await customer.call()
    txn_ref = told["txn_ref"]

    async def tag() -> str:
        return (await customer.post("voice/query_status", txn_ref=txn_ref))["tag"]

    assert await tag() == ""
    await customer.block("middle/gather", told["session"], tag="first", timeout="1")
    assert await tag() == "first"
    await customer.receiver.next(ivr_block="gather")
    url = customer.receiver.url("/over")
    assert await customer.hangup(told["session"], tag="last", notify_url=url) == OK
    await call.ended()
    assert (await customer.receiver.next(call_state="ended"))["tag"] == "last"
    assert await tag() == "first"


async def test_an_initial_request_without_a_tag_leaves_none(customer: Customer) -> None:
    call, told = await customer.call()
    await customer.block("middle/gather", told["session"])
    assert await customer.hangup(told["session"], force="enabled", tag="last") == OK
    await call.ended()
    assert (await customer.post("voice/query_status", txn_ref=told["txn_ref"]))["tag"] == ""


async def test_a_history_is_that_of_the_application(customer: Customer, other: Customer) -> None:
    move(other, await own_account(customer))
    _, told = await customer.call()
    assert (await customer.post("voice/get_history"))["total_entries_count"] == "1"
    assert await other.post("voice/get_history") == {
        **OK,
        "total_entries_count": "0",
        "entries_count": "0",
        "entries": [],
    }
    status = await other.post("voice/query_status", txn_ref=told["txn_ref"])
    assert status["txn_ref"] == told["txn_ref"], "a reference is known in all of the account"


async def test_a_history_ends_before_its_to(customer: Customer) -> None:
    _, told = await customer.call()
    status = await customer.post("voice/query_status", txn_ref=told["txn_ref"])
    began = datetime.strptime(status["date"], "%Y-%m-%d %H:%M:%S")
    for to, count in [(began, "0"), (began + timedelta(seconds=1), "1")]:
        reply = await customer.post("voice/get_history", **{"from": status["date"], "to": str(to)})
        assert reply["total_entries_count"] == count


# number/get_active and number/update_forwarding ------------------------------------------------


async def test_the_numbers_of_the_application_have_every_field(
    customer: Customer, other: Customer
) -> None:
    move(other, await own_account(customer))
    reply: dict[str, Any] = await customer.post("number/get_active")
    [entry] = reply.pop("entries")
    assert reply == {**OK, "total_entries_count": "1", "entries_count": "1"}
    expiry = datetime.strptime(entry.pop("expiry"), "%Y-%m-%d")
    assert timedelta(days=3640) < expiry - datetime.now() < timedelta(days=3660)
    assert entry == {
        "number": customer.number,
        "forward_to": customer.receiver.url("/answer"),
        "forward_sms_to": "",
        "mode": "voice",
        "auto_extend_status": "enabled",
        "country": "SG",
        "state": "",
        "capabilities": ["VOICE"],
    }


async def test_the_number_of_another_application_is_not_ours(
    customer: Customer, other: Customer
) -> None:
    move(other, await own_account(customer))
    reply = await other.post("number/update_forwarding", number=customer.number)
    assert reply["status"] == "error_number_not_assigned"
    sentence(reply)


REFUSED_FORWARDINGS = [
    ({"number": "12"}, "error_number_invalid"),
    ({"forward_to": "nonsense"}, "error_forward_to_invalid"),
    ({"forward_sms_to": "http://shop.example.com/"}, "error_incoming_sms_not_supported"),
    ({"mode": "fax"}, "error_mode_invalid"),
    ({"number": "+6500000000"}, "error_number_not_assigned"),
    ({"forward_to": "http://nobody.invalid/"}, "error_unable_to_resolve_forward_to"),
]


@pytest.mark.parametrize(
    "at", range(len(REFUSED_FORWARDINGS)), ids=[status for _, status in REFUSED_FORWARDINGS]
)
async def test_of_several_faults_of_a_forwarding_the_first_decides(
    customer: Customer, at: int
) -> None:
    params = {"number": customer.number}
    for broken, _ in reversed(REFUSED_FORWARDINGS[at:]):
        params |= broken
    reply = await customer.post("number/update_forwarding", **params)
    assert reply["status"] == REFUSED_FORWARDINGS[at][1]
    sentence(reply)
    assert (await customer.call())[1].path == "/answer"


async def test_a_url_that_may_not_be_called_is_no_forwarding(customer: Customer) -> None:
    """The sentence says which rule."""
    reply = await customer.post(
        "number/update_forwarding", number=customer.number, forward_to="http://10.0.0.1/"
    )
    assert reply["status"] == "error_unable_to_resolve_forward_to"
    assert "10.0.0.1" in sentence(reply) or "private" in sentence(reply)


@pytest.mark.parametrize("mode", ["voice", ""])
async def test_a_number_is_for_voice(customer: Customer, mode: str) -> None:
    params = {"number": customer.number, "mode": mode, "forward_sms_to": ""}
    assert await customer.post("number/update_forwarding", **params) == OK


# Limits ----------------------------------------------------------------------------------------

LIMITED = {
    "user/get_balance": {},
    "user/get_info": {},
    "voice/query_status": {"txn_ref": "AA-C-1"},
    "voice/get_history": {},
    "voice/get_rate": {"dest1": "+6598765432", "dest2": "+6531234567"},
    "number/get_active": {},
    "number/update_forwarding": {"number": "+6531234567"},
    "voice/hangup": {"txn_ref": "AA-C-1"},
    "conference/moderate": {"txn_ref": "AA-C-1", "action": "kick"},
}
FREE = {
    "ivr/end/hangup": {"session": "S1"},
    "ivr/middle/unhold": {"session": "S1"},
    "voice/call": {"dest2": "x"},
    "conference/call": {"dest": "x"},
}


async def test_every_endpoint_has_a_limit_of_its_own_for_each_application(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    server = start(status_rate_limit="2")
    customer = await Customer.make(server, receiver, phone)
    neighbour = await Customer.make(server, receiver, phone)
    async with customer.api as api:
        for path, params in LIMITED.items():
            replies = [await api.request("GET", path, dict(params)) for _ in range(3)]
            limited = [reply.status == "error_rate_limit_exceeded" for reply in replies]
            assert limited == [False, False, True], path
            assert 1 <= int(replies[2].headers["retry-after"]) <= 30
        for path, params in FREE.items():
            found = {(await api.request("GET", path, dict(params))).status for _ in range(5)}
            assert "error_rate_limit_exceeded" not in found, path
    for path, params in LIMITED.items():
        assert (await neighbour.post(path, **params))["status"] != "error_rate_limit_exceeded"


async def test_what_is_missing_is_not_counted(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    customer = await Customer.make(start(status_rate_limit="1"), receiver, phone)
    async with customer.api as api:
        found = [(await api.request("GET", "voice/query_status", {})).status for _ in range(3)]
    assert found == ["error_txn_ref_param_missing"] * 3


@pytest.mark.parametrize("path", ["user/get_info", "voice/hangup"])
async def test_sixty_a_minute_by_default(customer: Customer, path: str) -> None:
    async with customer.api as api:
        replies = await asyncio.gather(*(api.get(path, txn_ref="AA-C-1") for _ in range(90)))
    limited = [reply["status"] for reply in replies].count("error_rate_limit_exceeded")
    assert 0 < limited <= 30
