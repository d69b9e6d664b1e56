"""What an account has, how its calls stand, what they cost, and where they are told."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from acceptance.accounts import add_calls, own_account
from acceptance.asking import OK, ask, credentials, form, playing, sentence
from acceptance.files import BEEP, FileServer
from acceptance.harness import Customer, Onhook
from onhook.blocks import ENDPOINTS
from onhook.store import CallRecord, RateRecord, Store
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver

REQUIRED = {
    "user/get_balance": {},
    "user/get_info": {},
    "voice/query_status": {"txn_ref": "AA-C-1"},
    "voice/get_history": {},
    "voice/get_rate": {"dest1": "+6598765432", "dest2": "+6531234567"},
    "number/get_active": {},
    "number/update_forwarding": {"number": "+6531234567"},
}
BILL = ("date", "duration", "currency", "rate", "debit")
STATUSES = ("call_status_dest1", "call_status_dest2", "call_status_dest_1", "call_status_dest_2")


@pytest.fixture
async def other(server: Onhook, receiver: Receiver, phone: Phone) -> Customer:
    return await Customer.make(server, receiver, phone)


async def query(customer: Customer, txn_ref: str) -> dict[str, str]:
    return await customer.post("voice/query_status", txn_ref=txn_ref)


async def history(customer: Customer, **params: str) -> dict[str, Any]:
    return await customer.post("voice/get_history", **params)


# Every endpoint --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", REQUIRED)
async def test_get_and_post_are_the_same(customer: Customer, path: str) -> None:
    await own_account(customer)
    async with customer.api as api:
        got = await api.get(path, **REQUIRED[path])
        posted = await api.post(path, **REQUIRED[path])
    assert got == posted
    assert got["status"] != "error_internal_server_error"


@pytest.mark.parametrize("path", REQUIRED)
async def test_what_every_endpoint_checks_first(customer: Customer, path: str) -> None:
    """Each fault alone, in the documented order: method, malformed, missing, token, app."""
    [endpoint] = [one for one in ENDPOINTS if one.path == path]
    where = f"/open/{path}"
    deleted = await ask(customer.server, "DELETE", path=where)
    assert deleted.json["status"] == "error_invalid_http_method"
    malformed = await ask(customer.server, "GET", query="app_id=%FF", path=where)
    assert malformed.json["status"] == "error_malformed_params"
    given = {**credentials(customer), **REQUIRED[path]}
    for param in endpoint.params:
        if param.required:
            rest = {name: value for name, value in given.items() if name != param.name}
            answer = await ask(
                customer.server,
                "POST",
                body=form(customer, **{**rest, param.name: ""}).encode(),
                path=where,
            )
            assert answer.json["status"] == f"error_{param.name}_param_missing"
            sentence(answer.json)
    for name in ("access_token", "app_id"):
        answer = await ask(
            customer.server, "GET", query=form(customer, **{**given, name: "nobody's"}), path=where
        )
        assert answer.json["status"] == f"error_invalid_{name}"


def test_every_endpoint_is_tried_here() -> None:
    assert [endpoint.path for endpoint in ENDPOINTS] == list(REQUIRED)


# The account -----------------------------------------------------------------------------------


async def test_a_new_account_has_nothing(customer: Customer) -> None:
    await own_account(customer)
    assert await customer.post("user/get_balance") == {
        **OK,
        "currency": "SGD",
        "balance": "0.000",
        "points": "0.000",
        "bonus": "0.000",
    }


async def test_a_balance_is_points_and_bonus(customer: Customer) -> None:
    """What is shown adds up, though amounts may be finer than what is shown."""
    await own_account(
        customer, currency="HKD", prepaid=True, points_micros=10_000_400, bonus_micros=2_400_400
    )
    reply = await customer.post("user/get_balance")
    assert reply == {
        **OK,
        "currency": "HKD",
        "balance": "12.401",
        "points": "10.001",
        "bonus": "2.400",
    }


async def test_a_call_is_taken_from_the_balance(customer: Customer, files: FileServer) -> None:
    await own_account(customer, prepaid=True, points_micros=1_000_000, bonus_micros=5_000)
    call, told = await customer.call()
    msg = f"<url>{files.serve('beep.wav', BEEP)}</url>"
    await customer.hangup(told["session"], msg=msg, notify_url=customer.receiver.url("/end"))
    await call.ended()
    last = await customer.receiver.next(session=told["session"])
    assert last["debit"] == "0.020"
    reply = await customer.post("user/get_balance")
    assert (reply["balance"], reply["points"], reply["bonus"]) == ("0.985", "0.985", "0.000")


# How a call stands -----------------------------------------------------------------------------


async def test_the_status_of_a_call_from_its_first_ring_to_its_bill(
    customer: Customer, files: FileServer
) -> None:
    call, told = await playing(customer, files, caller="+6591112222")
    reply = await query(customer, told["txn_ref"])
    began = reply.pop("date")
    assert reply == {
        **OK,
        "txn_ref": told["txn_ref"],
        "tag": "",
        "dest1": "+6591112222",
        "dest2": customer.number,
        **dict.fromkeys(STATUSES, "ongoing"),
        "currency": "SGD",
        "rate": "0.020",
    }
    end = customer.receiver.url("/end")
    await customer.hangup(told["session"], force="enabled", tag="order 7", notify_url=end)
    await call.ended()
    last = await customer.receiver.next(session=told["session"], call_state="ended")
    reply = await query(customer, told["txn_ref"])
    assert reply == {
        **OK,
        "txn_ref": told["txn_ref"],
        "tag": "",
        "dest1": "+6591112222",
        "dest2": customer.number,
        **dict.fromkeys(STATUSES, "answered"),
        **{name: last[name] for name in BILL},
    }
    assert (reply["date"], reply["duration"], reply["debit"]) == (began, "1", "0.020")


async def test_a_ringing_call_is_ongoing_and_a_rejected_one_was_busy(customer: Customer) -> None:
    call, told = await customer.call()
    assert (await query(customer, told["txn_ref"]))["call_status_dest1"] == "ongoing"
    await customer.hangup(told["session"], notify_url=customer.receiver.url("/end"))
    await call.ended()
    await customer.receiver.next(session=told["session"])
    reply = await query(customer, told["txn_ref"])
    assert {reply[name] for name in STATUSES} == {"busy"}
    assert (reply["duration"], reply["debit"]) == ("0", "0.000")


async def test_a_call_that_was_given_up_is_unanswered(customer: Customer) -> None:
    call, told = await customer.call()
    await call.cancel()
    await customer.receiver.next(session=told["session"])
    assert (await query(customer, told["txn_ref"]))["call_status_dest1"] == "unanswered"


@pytest.mark.parametrize("txn_ref", ["AA-C-1", "x" * 5000, "'; DROP TABLE calls; --", "\u6771"])
async def test_error_invalid_txn_ref(customer: Customer, txn_ref: str) -> None:
    reply = await query(customer, txn_ref)
    assert reply["status"] == "error_invalid_txn_ref"
    sentence(reply)


async def test_error_txn_ref_access_denied(customer: Customer, other: Customer) -> None:
    """A call belongs to an account: its other applications may ask, nobody else may."""
    _, told = await customer.call()
    await own_account(other)
    reply = await query(other, told["txn_ref"])
    assert reply["status"] == "error_txn_ref_access_denied"
    sentence(reply)


# The history -----------------------------------------------------------------------------------

BEGAN_MS = round(datetime(2013, 1, 31, 4, 0, 0, tzinfo=UTC).timestamp() * 1000)
"""Noon in GMT+8; one call began in each second from then on."""


async def made_calls(customer: Customer, count: int) -> list[str]:
    """References of calls that the account once had, the newest first."""
    account_id = await own_account(customer)
    first = CallRecord(
        session="",
        txn_ref="",
        app_id=customer.app_id,
        owner="me",
        state="ended",
        from_number="+6598765432",
        to_number=customer.number,
        began_ms=BEGAN_MS,
        currency="SGD",
        rate="0.020",
        answered_ms=BEGAN_MS,
        ended_ms=BEGAN_MS + 60_000,
        minutes=1,
        debit="0.020",
        account_id=account_id,
    )
    calls = [
        replace(
            first,
            session=f"S{account_id}{n}",
            txn_ref=f"ZZ-C-{account_id}-{n}",
            began_ms=BEGAN_MS + n * 1000,
        )
        for n in range(count)
    ]
    await add_calls(customer.server, calls)
    return [call.txn_ref for call in reversed(calls)]


def refs(page: dict[str, Any]) -> list[str]:
    return [entry["txn_ref"] for entry in page["entries"]]


async def test_a_history_is_read_page_by_page(customer: Customer) -> None:
    made = await made_calls(customer, 250)
    pages = [await history(customer, page=str(number)) for number in range(1, 5)]
    assert [page["total_entries_count"] for page in pages] == ["250"] * 4
    assert [page["entries_count"] for page in pages] == ["100", "100", "50", "0"]
    assert [ref for page in pages for ref in refs(page)] == made
    assert await history(customer) == pages[0]
    assert (await history(customer, page="999999999"))["entries"] == []


async def test_an_entry_of_the_history_is_the_status_of_the_call(customer: Customer) -> None:
    [txn_ref] = await made_calls(customer, 1)
    [entry] = (await history(customer))["entries"]
    assert {**OK, **entry} == await query(customer, txn_ref)
    assert entry["date"] == "2013-01-31 12:00:00"
    assert all(isinstance(value, str) for value in entry.values())


@pytest.mark.parametrize(
    ("params", "first", "last"),
    [
        ({"from": "2013-01-31 12:00:03"}, 0, 7),
        ({"to": "2013-01-31 12:00:03"}, 7, 10),
        ({"from": "2013-01-31 12:00:03", "to": "2013-01-31 12:00:03"}, 0, 0),
        ({"from": "2013-01-31 12:00:03", "to": "2013-01-31 12:00:04"}, 6, 7),
        ({"from": "2013-01-31 12:00:10"}, 0, 0),
        ({"to": "2013-01-31 11:59:59"}, 0, 0),
        ({"from": "", "to": "", "page": ""}, 0, 10),
    ],
)
async def test_a_history_between_two_times(
    customer: Customer, params: dict[str, str], first: int, last: int
) -> None:
    """In GMT+8; the second that it ends with is not within."""
    made = await made_calls(customer, 10)
    page = await history(customer, **params)
    assert refs(page) == made[first:last]
    assert page["total_entries_count"] == page["entries_count"] == str(last - first)


async def test_nobody_sees_the_calls_of_another_account(
    customer: Customer, other: Customer
) -> None:
    await made_calls(customer, 3)
    await own_account(other)
    assert await history(other) == {
        **OK,
        "total_entries_count": "0",
        "entries_count": "0",
        "entries": [],
    }


FAULTS = [
    ("error_from_invalid", {"from": "yesterday"}),
    ("error_to_invalid", {"to": "2013-02-30 00:00:00"}),
    ("error_to_before_from", {"from": "2013-02-01 00:00:00", "to": "2013-01-31 23:59:59"}),
    ("error_page_invalid", {"page": "0"}),
]


@pytest.mark.parametrize("at", range(len(FAULTS)), ids=[status for status, _ in FAULTS])
async def test_of_several_faults_of_a_history_the_first_decides(
    customer: Customer, at: int
) -> None:
    params: dict[str, str] = {}
    for _, broken in reversed(FAULTS[at:]):
        params |= broken
    reply = await history(customer, **params)
    assert reply["status"] == FAULTS[at][0]
    sentence(reply)


# Rates -----------------------------------------------------------------------------------------


async def active(customer: Customer) -> dict[str, Any]:
    return await customer.post("number/get_active")


async def rate(customer: Customer, **params: str) -> dict[str, str]:
    return await customer.post("voice/get_rate", **{**REQUIRED["voice/get_rate"], **params})


async def test_a_rate_is_the_sum_of_both_legs(customer: Customer) -> None:
    await own_account(customer)
    assert await rate(customer) == {**OK, "currency": "SGD", "rate": "0.040", "talktime": "240"}


async def test_talktime_is_what_the_balance_pays_for(customer: Customer) -> None:
    await own_account(customer, prepaid=True, points_micros=10_000_000, bonus_micros=2_439_999)
    assert (await rate(customer))["talktime"] == "310"


async def test_a_balance_that_is_used_up_pays_for_nothing(customer: Customer) -> None:
    await own_account(customer, prepaid=True, points_micros=-1_000_000)
    assert (await rate(customer))["talktime"] == "0"


async def test_the_rate_table_decides(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    """The longest prefix of each leg, in the currency of the account."""
    customer = await Customer.make(start(), receiver, phone)
    await own_account(customer, currency="HKD")
    store = await Store.open(customer.server.data)
    await store.money.put_rates(
        [
            RateRecord("out", "65", "HKD", 100_000, 60, 60),
            RateRecord("out", "659", "HKD", 250_000, 30, 6),
            RateRecord("out", "659", "SGD", 9_000_000, 60, 60),
            RateRecord("in", "6598", "HKD", 9_000_000, 60, 60),
        ]
    )
    await store.close()
    reply = await rate(customer, dest1="+6598765432", dest2="+6531234567")
    assert (reply["currency"], reply["rate"]) == ("HKD", "0.350")


@pytest.mark.parametrize("name", ["dest1", "dest2"])
async def test_what_is_no_number_has_no_rate(customer: Customer, name: str) -> None:
    reply = await rate(customer, **{name: "room:R1"})
    assert reply["status"] == f"error_{name}_invalid"
    sentence(reply)


# Numbers ---------------------------------------------------------------------------------------


async def test_the_next_call_is_told_to_the_new_url(customer: Customer) -> None:
    """Though the number was looked up a moment ago; and the call in progress keeps to the old one."""
    old_call, old = await customer.call()
    assert old.path == "/answer"
    new = customer.receiver.url("/new?shop=1")
    reply = await customer.post("number/update_forwarding", number=customer.number, forward_to=new)
    assert reply == OK
    _, told = await customer.call()
    assert told.path == "/new"
    await old_call.cancel()
    assert (await customer.receiver.next(session=old["session"])).path == "/answer"
    [entry] = (await active(customer))["entries"]
    assert (entry["number"], entry["forward_to"]) == (customer.number, new)


async def test_without_a_url_the_number_stays_as_it_is(customer: Customer) -> None:
    reply = await customer.post("number/update_forwarding", number=customer.number)
    assert reply == OK
    assert (await customer.call())[1].path == "/answer"


@pytest.mark.parametrize("form_of_number", [" {}", "00{}", "{}"])
async def test_a_number_may_lack_its_plus(customer: Customer, form_of_number: str) -> None:
    number = form_of_number.format(customer.number.removeprefix("+"))
    assert await customer.post("number/update_forwarding", number=number) == OK


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"number": "12", "forward_to": "nonsense"}, "error_number_invalid"),
        ({"number": "+6500000000", "forward_to": "nonsense"}, "error_forward_to_invalid"),
        ({"number": "+6500000000", "forward_to": "http://x/"}, "error_number_not_assigned"),
    ],
)
async def test_what_cannot_be_forwarded(
    customer: Customer, params: dict[str, str], status: str
) -> None:
    reply = await customer.post("number/update_forwarding", **params)
    assert reply["status"] == status
    sentence(reply)


# Too many requests -----------------------------------------------------------------------------
