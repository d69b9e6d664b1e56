"""The queries of docs/billing.md find what does not add up, and nothing else."""

import re
import sqlite3
from pathlib import Path

import pytest

from onhook.store import Debit, Store, Writes
from onhook.store.sqlite import DATABASE_FILE
from store.samples import ACCOUNT, APPLICATION, call

PAGE = Path(__file__).resolve().parents[2] / "docs" / "billing.md"
QUERIES = re.findall(r"^ {4}SELECT (?:.*\n)+?.*;$", PAGE.read_text(), re.MULTILINE)


def wrong(directory: Path) -> list[list[str]]:
    """What each query of the page finds."""
    with sqlite3.connect(directory / DATABASE_FILE) as database:
        return [[row[0] for row in database.execute(query)] for query in QUERIES]


@pytest.fixture
async def booked(tmp_path: Path) -> Path:
    """Calls that ended: free, by the minute, and to the micro."""
    store = await Store.open(tmp_path)
    await store.add_account(ACCOUNT)
    await store.add_application(APPLICATION)
    for session, debit, micros in (
        ("S1", "0.000", 0),
        ("S2", "0.020", 20_000),
        ("S3", "1234.567891", 1_234_567_891),
    ):
        record = call(session, state="ended", ended_ms=9, debit=debit)
        debits = (Debit(session, "main", 9, micros),)
        await store.submit(Writes(calls=(record,), debits=debits))
    await store.close()
    return tmp_path


async def test_books_that_balance(booked: Path) -> None:
    assert wrong(booked) == [[], []]


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("UPDATE calls SET debit = '0.021' WHERE session = 'S2'", [["S2"], []]),
        ("UPDATE calls SET debit = '0.000001' WHERE session = 'S1'", [["S1"], []]),
        ("UPDATE ledger SET amount_micros = -1 WHERE session = 'S3'", [["S3"], ["main"]]),
        ("DELETE FROM ledger WHERE session = 'S2'", [["S2"], ["main"]]),
        ("UPDATE accounts SET bonus_micros = 1", [[], ["main"]]),
    ],
)
async def test_books_that_do_not(booked: Path, damage: str, found: list[list[str]]) -> None:
    with sqlite3.connect(booked / DATABASE_FILE) as database:
        database.execute(damage)
    assert wrong(booked) == found
