"""Dates, pages, numbers and URLs of the account and status endpoints."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onhook.api import account_params as read
from onhook.api.account_params import Period
from onhook.blocks import Refused
from onhook.calls.clock import api_date

NOON_MS = round(datetime(2013, 1, 31, 4, 0, 0, tzinfo=UTC).timestamp() * 1000)
NOON = "2013-01-31 12:00:00"
"""The same moment, in GMT+8."""


def status_of(read_one: object, *arguments: object) -> str:
    with pytest.raises(Refused) as refused:
        read_one(*arguments)  # type: ignore[operator]
    return refused.value.status


def test_a_period_is_in_gmt_8_and_ends_before_to() -> None:
    assert read.period({"from": NOON, "to": NOON}) == Period(NOON_MS, NOON_MS)


def test_a_period_may_be_open() -> None:
    assert read.period({}) == Period(None, None)
    assert read.period({"from": "", "to": ""}) == Period(None, None)
    assert read.period({"from": NOON}) == Period(NOON_MS, None)
    assert read.period({"to": NOON}) == Period(None, NOON_MS)


@pytest.mark.parametrize("name", ["from", "to"])
@pytest.mark.parametrize(
    "text",
    [
        "2013-01-31",
        "2013-01-31T12:00:00",
        "2013-1-31 12:00:00",
        "2013-02-30 12:00:00",
        "2013-01-31 24:00:00",
        "2013-01-31 12:00:60",
        "0000-01-01 00:00:00",
        " 2013-01-31 12:00:00",
        "2013-01-31 12:00:00\n",
        "\N{ARABIC-INDIC DIGIT TWO}013-01-31 12:00:00",
        "yesterday",
    ],
)
def test_what_is_no_date(name: str, text: str) -> None:
    assert status_of(read.period, {name: text}) == f"error_{name}_invalid"


@pytest.mark.parametrize("text", ["0001-01-01 00:00:00", "9999-12-31 23:59:59"])
def test_the_ends_of_the_calendar(text: str) -> None:
    assert read.period({"from": text, "to": text}).from_ms is not None


def test_to_before_from() -> None:
    backwards = {"from": NOON, "to": "2013-01-31 11:59:59"}
    assert status_of(read.period, backwards) == "error_to_before_from"


def test_a_wrong_date_decides_before_their_order() -> None:
    assert status_of(read.period, {"from": "x", "to": "y"}) == "error_from_invalid"
    assert status_of(read.period, {"from": NOON, "to": "y"}) == "error_to_invalid"


@given(st.integers(0, 4_000_000_000))
def test_a_date_as_the_api_writes_it_is_read_again(at_s: int) -> None:
    assert read.period({"from": api_date(at_s * 1000)}).from_ms == at_s * 1000


@pytest.mark.parametrize(("given", "page"), [({}, 1), ({"page": ""}, 1), ({"page": "17"}, 17)])
def test_a_page(given: dict[str, str], page: int) -> None:
    assert read.page(given) == page


@pytest.mark.parametrize(
    "text", ["0", "-1", "1.0", "one", "01", " 1", "9" * 10, "\N{SUPERSCRIPT TWO}"]
)
def test_what_is_no_page(text: str) -> None:
    assert status_of(read.page, {"page": text}) == "error_page_invalid"


@pytest.mark.parametrize("text", ["+6531234567", " 6531234567", "6531234567", "+65 3123 4567"])
def test_a_number(text: str) -> None:
    assert read.number({"dest1": text}, "dest1") == "+6531234567"


@pytest.mark.parametrize("name", ["dest1", "dest2", "number"])
def test_what_is_no_number(name: str) -> None:
    assert status_of(read.number, {name: "room:R1"}, name) == f"error_{name}_invalid"


@pytest.mark.parametrize("given", [{}, {"forward_to": ""}])
def test_no_url(given: dict[str, str]) -> None:
    assert read.forward_to(given) is None


def test_a_url() -> None:
    url = "https://shop.example.com/calls?a=%20b"
    assert str(read.forward_to({"forward_to": url})) == url


@pytest.mark.parametrize("given", [{}, {"mode": "voice"}, {"mode": "", "forward_sms_to": ""}])
def test_a_number_for_calls(given: dict[str, str]) -> None:
    read.only_voice(given)


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"mode": "fax"}, "error_mode_invalid"),
        ({"mode": "Voice"}, "error_mode_invalid"),
        ({"mode": "x", "forward_sms_to": "http://a.example/"}, "error_incoming_sms_not_supported"),
    ],
)
def test_a_number_is_for_nothing_else(given: dict[str, str], status: str) -> None:
    assert status_of(read.only_voice, given) == status


@pytest.mark.parametrize("url", ["nonsense", "ftp://x/", "http://", "http://x/" + "x" * 4000])
def test_what_is_no_url(url: str) -> None:
    assert status_of(read.forward_to, {"forward_to": url}) == "error_forward_to_invalid"
