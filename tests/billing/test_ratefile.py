"""Rates as a file: every line is right, or the first wrong one is named."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onhook.billing import Rate, RateFileInvalid, RateRow, read_rates

HEADER = "direction,prefix,currency,per_minute,initial_s,increment_s\n"


def test_a_file() -> None:
    lines = [
        "\ufeff" + HEADER,
        "in,65,SGD,0.02,60,60\n",
        "\n",
        'out, +6531 ,SGD,"0.0125",30,6\r\n',
        "in,*,USD,1,,\n",
    ]
    assert read_rates(lines) == [
        RateRow("in", "65", Rate("SGD", Decimal("0.02"))),
        RateRow("out", "6531", Rate("SGD", Decimal("0.0125"), 30, 6)),
        RateRow("in", "", Rate("USD", Decimal(1))),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("sideways,65,SGD,0.02,60,60", "direction"),
        ("in,6x5,SGD,0.02,60,60", "prefix"),
        ("in,1234567890123456,SGD,0.02,60,60", "prefix"),
        ("in,65,sgd,0.02,60,60", "ISO 4217"),
        ("in,65,SGD,-0.02,60,60", "amount"),
        ("in,65,SGD,0.0000001,60,60", "finer than a millionth"),
        ("in,65,SGD,,60,60", "amount"),
        ("in,65,SGD,0.02,0,60", "step"),
        ("in,65,SGD,0.02,60,99999999", "step"),
        ("in,65,SGD,0.02,60", "5 columns"),
        ("in,65,SGD,0.02,60,60,60", "7 columns"),
        ('in,"65,SGD,0.02,60,60', "not CSV"),
        ("in,65,SGD,0.02,60,60" + " " * 10 + "x" * 2000, "longer"),
        ("in,60,SGD,0.02,60,60", "the same row as in line 2"),
        ("in,+60,SGD,0.5,6,6", "the same row as in line 2"),
    ],
)
def test_a_bad_line_is_named(line: str, reason: str) -> None:
    with pytest.raises(RateFileInvalid, match=reason) as raised:
        read_rates([HEADER, "in,60,SGD,0.02,60,60\n", "\n", line + "\n", "worse\n"])
    assert raised.value.line == 4


@pytest.mark.parametrize("lines", [[], ["\n"], ["in,65,SGD,0.02,60,60\n"], ["prefix,rate\n"]])
def test_a_file_without_its_first_line(lines: list[str]) -> None:
    with pytest.raises(RateFileInvalid):
        read_rates(lines)


@given(st.lists(st.text(max_size=60)))
def test_any_file_is_read_or_a_line_of_it_is_named(lines: list[str]) -> None:
    try:
        read_rates([HEADER, *lines])
    except RateFileInvalid as error:
        assert 1 < error.line <= len(lines) + 1
