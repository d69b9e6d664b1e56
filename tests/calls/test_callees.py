"""Who may be called, through which trunks, and whom the callee sees."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from onhook.blocks import Refused
from onhook.blocks.destination import CallerId as CallerIdAsked
from onhook.calls import clock
from onhook.calls.callees import Callees
from onhook.calls.directory import Directory
from onhook.calls.trunks import Unusable, WayOut, leading_to, way_out
from onhook.numbers import E164, dialable
from onhook.phone.trunk import ShownCaller, Trunk
from onhook.store import Keyring, Number, Store, TrunkRecord
from onhook.store.trunks import add_trunk, remove_trunk
from store.samples import ACCOUNT, APPLICATION

DEST = E164("+6561234567")
REGISTERED = replace(ACCOUNT, mobile_number="+6591112222")
NEXT_MINUTE_S = 60.0


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path)
    await opened.add_account(ACCOUNT)
    await opened.add_application(APPLICATION)
    yield opened
    await opened.close()


@pytest.fixture
def callees(store: Store, tmp_path: Path) -> Callees:
    return Callees(Directory(store, Keyring.open(tmp_path)))


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    now = [1000.0]
    monkeypatch.setattr(clock, "now_s", lambda: now[0])

    def pass_(seconds: float) -> None:
        now[0] += seconds

    return pass_


def trunk(name: str, prefix: str = "", **others: Any) -> TrunkRecord:
    return TrunkRecord(name, f"{name}.example.com", 5060, 1, prefix=prefix, **others)


async def refusal(
    callees: Callees, dest: E164 = DEST, caller_id: CallerIdAsked | None = None, **more: str
) -> Refused:
    with pytest.raises(Refused) as caught:
        await callees.find(REGISTERED, dest, caller_id, **more)
    assert caught.value.detail.endswith(".")
    return caught.value


# Numbers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [DEST, " 6561234567", "006561234567", "+65 6123-4567"])
def test_a_number_that_says_its_country_can_be_called(text: str) -> None:
    assert dialable(text) == DEST


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "+656",
        "+65612345678901234",
        "61234567",
        "6561234567",
        "+6512345x",
        "room:R1",
        "+9991",
    ],
)
def test_what_is_no_number_of_any_country_cannot(text: str) -> None:
    assert dialable(text) is None


# Trunks -----------------------------------------------------------------------------------------


def test_the_longest_prefix_decides_and_shorter_ones_are_not_tried_after_it() -> None:
    where = Trunk("192.0.2.1")
    ways = [
        WayOut("any", where),
        WayOut("b", where, "65"),
        WayOut("a", where, "65"),
        WayOut("mobile", where, "659"),
    ]

    def names(number: str) -> list[str]:
        return [way.name for way in leading_to(ways, number)]

    assert names("+6561234567") == ["b", "a"]
    assert names("+6591112222") == ["mobile"]
    assert names("+447700900123") == ["any"]
    assert leading_to(ways[1:], "+447700900123") == ()


async def test_a_trunk_that_cannot_be_used_is_left_out_and_logged_once(
    store: Store, tmp_path: Path, pass_time: Callable[[float], None]
) -> None:
    elsewhere = Keyring.open(tmp_path / "elsewhere")
    broken = trunk("broken", username="u", password_encrypted=elsewhere.encrypt("secret"))
    nowhere = replace(trunk("nowhere"), proxy_host="no host")
    for one in (broken, nowhere, trunk("good")):
        await add_trunk(store, one)
    directory = Directory(store, Keyring.open(tmp_path))
    with structlog.testing.capture_logs() as logged:
        for _ in range(3):
            assert [way.name for way in await directory.ways_out()] == ["good"]
            pass_time(NEXT_MINUTE_S)
    told = [one["trunk"] for one in logged if one["event"] == "trunk_unusable"]
    assert sorted(told) == ["broken", "nowhere"]
    way = way_out(broken, elsewhere)
    assert not isinstance(way, Unusable)
    assert (way.trunk.username, way.trunk.password) == ("u", "secret")
    assert "secret" not in repr(way)


async def test_a_trunk_is_used_and_not_used_any_more_without_a_restart(
    callees: Callees, store: Store, pass_time: Callable[[float], None]
) -> None:
    assert (await refusal(callees)).status == "error_call_service_not_available"
    await add_trunk(store, trunk("carrier"))
    pass_time(NEXT_MINUTE_S)
    found = await callees.find(REGISTERED, DEST)
    assert [route.name for route in found.routes] == ["carrier"]
    await remove_trunk(store, "carrier")
    pass_time(NEXT_MINUTE_S)
    assert (await refusal(callees)).status == "error_call_service_not_available"


# Refusals ---------------------------------------------------------------------------------------


async def test_what_is_wrong_is_told_in_order(callees: Callees, store: Store) -> None:
    unknown = await refusal(callees, caller_id=E164("+6598765432"))
    assert unknown.status == "error_call_service_not_available"


async def test_the_parameter_is_named(callees: Callees, store: Store) -> None:
    await add_trunk(store, trunk("local", "65"))
    for name in ("dest1", "dest2"):
        far = await refusal(callees, E164("+447700900123"), name=name)
        assert (far.status, name in far.detail) == (f"error_{name}_not_supported", True)
    refused = await refusal(callees, E164("+447700900123"), E164("+6598765432"))
    assert refused.status == "error_dest_not_supported"
    assert "dest" in refused.detail


async def test_an_account_on_trial_calls_its_registered_number_only(
    callees: Callees, store: Store
) -> None:
    """Said before anything about trunks, of which such an account may have none."""
    on_trial = replace(REGISTERED, trial=True)
    with pytest.raises(Refused) as caught:
        await callees.find(on_trial, DEST, name="dest2")
    assert caught.value.status == "error_not_allowed_for_trial"
    assert "dest2" in caught.value.detail
    await add_trunk(store, trunk("carrier"))
    found = await callees.find(on_trial, E164(REGISTERED.mobile_number))
    assert found.number == REGISTERED.mobile_number
    nobody = replace(on_trial, mobile_number="")
    with pytest.raises(Refused, match="error_not_allowed_for_trial"):
        await callees.find(nobody, DEST)


async def test_a_number_to_be_shown_needs_nobodys_leave(callees: Callees, store: Store) -> None:
    await add_trunk(store, trunk("carrier"))
    found = await callees.find(REGISTERED, DEST, shown="+4930123456")
    assert found.caller == ShownCaller("+4930123456")


# Whom the callee sees -----------------------------------------------------------------------------


@pytest.fixture
async def numbered(store: Store) -> None:
    """The account has two numbers, and there are two trunks, of which one has a number to show."""
    for number in ("+6531234567", "+6532222222"):
        await store.add_number(Number(number, APPLICATION.app_id, "http://example.com/", 1))
    await add_trunk(store, trunk("first"))
    await add_trunk(store, trunk("second", caller_id="+6533333333"))


@pytest.mark.usefixtures("numbered")
@pytest.mark.parametrize(
    ("caller_id", "shown"),
    [
        (None, ShownCaller("+6591112222")),
        ("private", ShownCaller("+6591112222", private=True)),
        ("+6591112222", ShownCaller("+6591112222")),
        ("+6532222222", ShownCaller("+6532222222")),
    ],
)
async def test_a_number_that_the_account_may_show(
    callees: Callees, caller_id: CallerIdAsked | None, shown: ShownCaller
) -> None:
    found = await callees.find(REGISTERED, DEST, caller_id)
    assert found.caller == shown
    assert {route.caller for route in found.routes} == {shown}


@pytest.mark.usefixtures("numbered")
@pytest.mark.parametrize("caller_id", ["+6533333333", "+6598765432", "+65312345678"])
async def test_a_number_that_it_may_not_show(callees: Callees, caller_id: E164) -> None:
    assert (await refusal(callees, caller_id=caller_id)).status == "error_caller_id_invalid"


@pytest.mark.usefixtures("numbered")
async def test_whoever_is_passed_on_may_be_shown(callees: Callees) -> None:
    found = await callees.find(REGISTERED, DEST, E164("+6598765432"), callers_own="+6598765432")
    assert found.caller == ShownCaller("+6598765432")
    refused = await refusal(callees, caller_id=E164("+6598765432"), callers_own="")
    assert refused.status == "error_caller_id_invalid"


@pytest.mark.usefixtures("numbered")
async def test_an_account_without_a_registered_number_shows_that_of_each_trunk_or_its_own(
    callees: Callees,
) -> None:
    found = await callees.find(ACCOUNT, DEST)
    assert [(route.name, route.caller) for route in found.routes] == [
        ("first", ShownCaller("+6531234567")),
        ("second", ShownCaller("+6533333333")),
    ]
    hidden = await callees.find(ACCOUNT, DEST, "private")
    assert [route.caller.private for route in hidden.routes] == [True, True]


async def test_who_has_no_number_at_all_is_nobody(callees: Callees, store: Store) -> None:
    await add_trunk(store, trunk("carrier"))
    found = await callees.find(ACCOUNT, DEST)
    assert found.caller == ShownCaller("", private=True)
