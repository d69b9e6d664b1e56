"""Who called whom, by trunk: every row of the second table of docs/numbers.md, and what --country changes."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from onhook.calls.inbound.reading import called_readings, caller_number
from onhook.phone.identity import Caller, PhoneUser
from onhook.phone.inbound.parties import called_by, caller_by
from onhook.phone.inbound.sources import Origin
from onhook.phone.message import Request, parse
from onhook.phone.trunk import Trunk

PAGE = Path(__file__).parents[2] / "docs/numbers.md"


class Row(NamedTuple):
    options: Mapping[str, Any]
    headers: Sequence[str]
    uri: str
    told_from: str
    told_name: str
    told_to: str


def table() -> list[Row]:
    text = PAGE.read_text().partition("## By trunk")[2]
    found = []
    for line in re.findall(r"^\|(.*)\|$", text, re.MULTILINE)[2:]:
        options, headers, *others = line.split("|")
        words = iter(options.strip().strip("`").split())
        given = {word.removeprefix("--").replace("-", "_"): next(words) for word in words}
        uri, *told = (cell.strip().strip("`") for cell in others)
        found.append(Row(given, re.findall("`([^`]+)`", headers), uri, *told))
    assert len(found) > 20
    return found


def invite(uri: str, headers: Sequence[str]) -> Request:
    said = {line.partition(":")[0] for line in headers}
    lines = [
        f"INVITE {uri} SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa",
        *(["To: <sip:us>"] if "To" not in said else []),
        *(f"{line};tag=1" if line.startswith("From") else line for line in headers),
        *("Call-ID: a@b", "CSeq: 1 INVITE", "", ""),
    ]
    read = parse("\r\n".join(lines).encode(), ("192.0.2.1", 5060))
    assert isinstance(read, Request)
    return read


def parties(row: Row) -> tuple[PhoneUser, Caller, Trunk]:
    trunk = Trunk("192.0.2.1", **row.options)
    request, origin = invite(row.uri, row.headers), Origin(trunk)
    return called_by(request, origin), caller_by(request, origin), trunk


@pytest.mark.parametrize("row", table())
def test_every_row_of_the_page(row: Row) -> None:
    called, caller, trunk = parties(row)
    readings = called_readings(called, trunk, "")
    told = caller_number(caller.users, trunk, ""), caller.name, readings[0]
    assert told == (row.told_from, row.told_name, row.told_to)


@pytest.mark.parametrize(
    ("number_format", "country", "told"),
    [
        ("plus", "GB", "+442036892246"),
        ("e164", "GB", "+2036892246"),
        ("national:44", "SG", "+442036892246"),
    ],
)
def test_what_country_decides_and_what_the_trunk(
    number_format: str, country: str, told: str
) -> None:
    """2036892246 is a number of London as well as one of Egypt with its country code."""
    written, trunk = PhoneUser("2036892246"), Trunk("192.0.2.1", number_format=number_format)
    assert caller_number([written], trunk, country) == told
    assert called_readings(written, trunk, country)[0] == told
    assert caller_number([written], None, "GB") == "+442036892246"


def test_a_national_number_of_the_country_where_the_trunk_has_country_codes() -> None:
    trunk = Trunk("192.0.2.1", number_format="e164")
    assert caller_number([PhoneUser("91871234")], trunk, "SG") == "+6591871234"
    assert caller_number([PhoneUser("reception")], trunk, "SG") == "reception"
    assert caller_number([], trunk, "SG") == ""
