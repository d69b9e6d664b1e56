"""Rates as a CSV file. Pure: text in, rows out, or the number of the first line that is wrong."""

import csv
import re
from collections.abc import Iterable, Iterator

from onhook.billing.amounts import MoneyError, amount
from onhook.billing.rating import LONGEST_STEP_S, MINUTE_S, Rate
from onhook.billing.tariff import DIRECTIONS, Direction, RateRow

COLUMNS = ("direction", "prefix", "currency", "per_minute", "initial_s", "increment_s")
"""The first line of the file. The last two columns may be empty: 60."""

_PREFIX = re.compile(r"[0-9]{0,15}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_STEP = re.compile(r"[0-9]{1,5}", re.ASCII)
_MAX_LINE = 1000


class RateInvalid(ValueError):
    """A row cannot be used; the message is half a sentence that says why."""


class RateFileInvalid(ValueError):
    """A line of the file cannot be used: ``line`` counts from 1; the message is half a sentence."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


def read_rates(lines: Iterable[str]) -> list[RateRow]:
    """The rows of a file: all of them, or :class:`RateFileInvalid` for the first bad line."""
    rows: dict[tuple[str, str, str], tuple[int, RateRow]] = {}
    header = False
    for number, cells in _cells(lines):
        if not header:
            if tuple(cells) != COLUMNS:
                raise RateFileInvalid(number, f"the first line has to be {','.join(COLUMNS)}")
            header = True
            continue
        row = _row(number, cells)
        if row.key in rows:
            raise RateFileInvalid(number, f"the same row as in line {rows[row.key][0]}")
        rows[row.key] = number, row
    if not header:
        raise RateFileInvalid(1, "the file is empty")
    return [row for _, row in rows.values()]


def rate_row(
    direction: str,
    prefix: str,
    currency: str,
    per_minute: str,
    initial_s: str = "",
    increment_s: str = "",
) -> RateRow:
    """A row from text, as an operator types it. ``prefix`` may begin with ``+``; ``*`` or nothing is
    every number. Raises :class:`RateInvalid`."""
    digits = "" if prefix == "*" else prefix.removeprefix("+")
    if not _PREFIX.fullmatch(digits):
        raise RateInvalid(f"the prefix {prefix[:40]!r} is not at most 15 digits")
    if not _CURRENCY.fullmatch(currency):
        raise RateInvalid(f"{currency[:40]!r} is not an ISO 4217 code such as SGD")
    try:
        rate = Rate(currency, amount(per_minute), _step(initial_s), _step(increment_s))
    except MoneyError as error:
        raise RateInvalid(str(error)) from error
    return RateRow(_direction(direction), digits, rate)


def _cells(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Cells of every line that is not blank, with its number. A row never spans lines."""
    for number, line in enumerate(lines, 1):
        text = line.removeprefix("\ufeff").strip() if number == 1 else line.strip()
        if len(text) > _MAX_LINE:
            raise RateFileInvalid(number, f"longer than {_MAX_LINE} characters")
        if not text:
            continue
        try:
            [cells] = csv.reader([text], strict=True)
        except (csv.Error, ValueError) as error:
            raise RateFileInvalid(number, f"not CSV: {error}") from error
        yield number, [cell.strip() for cell in cells]


def _row(number: int, cells: list[str]) -> RateRow:
    if len(cells) != len(COLUMNS):
        raise RateFileInvalid(number, f"{len(cells)} columns instead of {len(COLUMNS)}")
    try:
        return rate_row(*cells)
    except RateInvalid as error:
        raise RateFileInvalid(number, str(error)) from error


def _direction(text: str) -> Direction:
    for direction in DIRECTIONS:
        if text == direction:
            return direction
    raise RateInvalid(f"the direction {text[:40]!r} is neither in nor out")


def _step(text: str) -> int:
    if not text:
        return MINUTE_S
    if not _STEP.fullmatch(text):
        raise RateInvalid(f"{text[:40]!r} is not a step of 1 to {LONGEST_STEP_S} whole seconds")
    return int(text)
