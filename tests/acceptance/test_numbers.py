"""Who called whom: a call for every row of the table in docs/numbers.md."""

import re
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pytest

from acceptance.asking import rows
from acceptance.harness import Customer, Onhook
from onhook import numbers
from onhook.cli import accounts
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver

PAGE = Path(__file__).parents[2] / "docs/numbers.md"


class Row(NamedTuple):
    country: str
    sender: str
    asserted: str
    uri: str
    told_from: str
    told_name: str
    told_to: str


def table() -> list[Row]:
    """The first table of the page, without the backquotes of its cells."""
    text = PAGE.read_text().partition("## By trunk")[0]
    lines = re.findall(r"^\|(.*)\|$", text, re.MULTILINE)[2:]
    found = [Row(*(cell.strip().strip("`") for cell in line.split("|"))) for line in lines]
    assert len(found) > 20
    return sorted(found, key=server_of)


def server_of(row: Row) -> str:
    """The country of a row; one server is for all rows of it, however they name it."""
    return numbers.country_of(row.country) or ""


COUNTRIES = {country: list(rows_of) for country, rows_of in groupby(table(), server_of)}
IN_EVERY_RUN = ("", "SG")


@pytest.mark.parametrize(
    "country",
    [
        pytest.param(each, id=each or "any", marks=[] if each in IN_EVERY_RUN else pytest.mark.slow)
        for each in COUNTRIES
    ],
)
async def test_the_table_of_the_page_is_what_applications_are_told(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone, country: str
) -> None:
    """The forms that lack a number stand in their rows; each country has a server of its own."""
    wrong = []
    calls = COUNTRIES[country]
    server = start(country=calls[-1].country)
    customer = await Customer.make(server, receiver, phone)
    for number in {row.told_to for row in calls}:
        await accounts.add_number(server.data, number, customer.app_id, receiver.url("/answer"))
    for row in calls:
        told = await told_of(customer, row)
        if told != (row.told_from, row.told_name, row.told_to):
            wrong.append((row, told))
    assert wrong == []


async def told_of(customer: Customer, row: Row) -> tuple[str, str | None, str]:
    """What the application is told of such a call: from, from_name, to."""
    asserted = [("P-Asserted-Identity", row.asserted)] if row.asserted else []
    call = await customer.phone.call(
        row.uri, server=customer.server.sip, caller=row.sender, headers=asserted
    )
    await call.ringing()
    told = await customer.receiver.next(call_state="ringing")
    await call.cancel()
    last = await customer.receiver.next(session=told["session"], call_state="ended")
    assert [last.get(name) for name in NAMES] == [told.get(name) for name in NAMES]
    return told["from"], told.get("from_name", ""), told["to"]


NAMES = ("from", "from_name", "to")


async def test_the_name_is_in_every_notification_and_nowhere_where_there_is_none(
    customer: Customer,
) -> None:
    call, told = await customer.call(caller='"Mei \\"M\\" & Söhne" <sip:reception@pbx>')
    assert (told["from"], told["from_name"]) == ("reception", 'Mei "M" & Söhne')
    await customer.block("middle/play", told["session"], msg="Hello.")
    played = await customer.receiver.next(session=told["session"], ivr_block="play")
    assert played["from_name"] == 'Mei "M" & Söhne'
    await call.hang_up()
    nameless, told = await customer.call()
    assert told.get("from_name") is None
    await nameless.cancel()


async def test_who_is_no_number_is_called_by_no_number(customer: Customer) -> None:
    """A caller that is none can not be shown to whom its call is transferred."""
    call, told = await customer.call(caller="reception")
    asked = {"session": told["session"], "dest": "+6591112222", "caller_id": "reception"}
    refused = await customer.post("ivr/end/transfer", **asked)
    assert refused["status"] == "error_caller_id_invalid"
    [(kept,)] = rows(
        customer.server, "SELECT from_number FROM calls WHERE session = ?", told["session"]
    )
    assert kept == "reception"
    await call.cancel()
