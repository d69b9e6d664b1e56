"""docs/trunks.md says of every option what it does, and its tables are what happens."""

import re
from pathlib import Path

import pytest

from onhook import numbers
from onhook.administration.trunk_options import OPTIONS, TrunkOption
from onhook.phone.outline import Outline
from onhook.phone.trunk import ShownCaller, Trunk
from onhook.phone.trunks.number_format import written

PAGE = (Path(__file__).parents[2] / "docs/trunks.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without their back quotes; the head first."""
    below = PAGE.split(f"## {heading}\n")[1]
    lines = [line for line in below.split("\n## ")[0].splitlines() if line.startswith("|")]
    cells = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]
    return [cells[0], *cells[2:]]


@pytest.mark.parametrize("option", OPTIONS.values(), ids=lambda option: option.name)
def test_every_option_is_on_the_page(option: TrunkOption) -> None:
    assert f"`{option.flag}`" in PAGE


@pytest.mark.parametrize("option", OPTIONS.values(), ids=lambda option: option.name)
def test_what_holds_without_an_option(option: TrunkOption) -> None:
    if option.default in ("", ()):
        return
    said = "no" if option.kind == "flag" else str(option.default)
    found = re.findall(rf"^\| `{option.flag}` \| `?([^|`]*)`? \|", PAGE, re.MULTILINE)
    assert found[:1] == [said]


def test_how_numbers_are_written() -> None:
    (_, *given), *table = rows("How numbers are written")
    assert len(table) == 6
    for form, *expected in table:
        assert [written(numbers.E164(number), form) for number in given] == expected


def test_whom_from_names() -> None:
    _, *table = rows("Whom From names")
    assert len(table) == 6
    for who, options, sender, asserted in table:
        said = re.findall(r"--(from-\w+) (\S+)", options)
        trunk = Trunk("h", **{name.replace("-", "_"): value for name, value in said})
        number = "" if who == "none" else "+6531234567"
        caller = ShownCaller(number, private=who == "private")
        outline = Outline(trunk, "+6561234567", caller, "c", "t", "k")
        sent = outline.sent(outline.destination, "OUR-ADDRESS:5060")
        assert sent.local == f"{sender};tag=t"
        headers = dict(outline.headers("OUR-ADDRESS:5060", "<sip:us>", "Onhook"))
        assert headers.get("P-Asserted-Identity", "") == asserted
