"""What calls take from their accounts, booked by the group commit.

The balance of an account is written beside its ledger and in the same transaction, so that the entries
always sum to it. A batch of debits takes four statements, whether it is of one call or of hundreds.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Column, Select, bindparam, select, update

from onhook.store import schema
from onhook.store.database import Database, Execution
from onhook.store.records import Debit, LedgerEntry

POINTS = "points"
BONUS = "bonus"
PURSES = (BONUS, POINTS)
"""In the order in which they are used (reference, section 7)."""

DEBIT = "debit"

_IN_A_QUERY = 512


def split(amount: int, bonus: int) -> tuple[int, int]:
    """How much of a debit the bonus pays and how much the points: the bonus first, as far as it goes.

    Points may become negative: an account that pays afterwards owes them.
    """
    from_bonus = min(max(bonus, 0), amount)
    return from_bonus, amount - from_bonus


class Booking:
    """Takes debits from the balances of their accounts."""

    def __init__(self, database: Database) -> None:
        entries, accounts = schema.ledger, schema.accounts
        self._booked = _Lookup(database, select(entries.c.entry_id), entries.c.entry_id)
        # The rows are ours until the commit; locked in one order, so that two processes never wait
        # for each other. SQLite has one writer at a time, and knows no such lock.
        bonuses = select(accounts.c.account_id, accounts.c.bonus_micros)
        locked = bonuses.order_by(accounts.c.account_id).with_for_update(key_share=True)
        self._bonuses = _Lookup(database, locked, accounts.c.account_id)
        take = (
            update(accounts)
            .where(accounts.c.account_id == bindparam("whose"))
            .values(
                points_micros=accounts.c.points_micros + bindparam("more_points"),
                bonus_micros=accounts.c.bonus_micros + bindparam("more_bonus"),
            )
        )
        compiled = take.compile(dialect=database.dialect)
        self._take = compiled.string
        self._take_names = tuple(compiled.positiontup or ())

    def book(self, execution: Execution, debits: Iterable[Debit]) -> list[LedgerEntry]:
        """Changes the balances; returns the entries to insert, in the order of the debits.

        A session that was debited before is skipped, so that whoever is not sure may do it again; a
        debit of nothing makes no entry.
        """
        wanted: dict[str, Debit] = {}
        for debit in debits:
            if debit.amount_micros > 0:
                wanted.setdefault(debit.session, debit)
        if not wanted:
            return []
        ids = [entry_id(session, purse) for session in wanted for purse in PURSES]
        booked = {row[0] for row in self._booked.rows(execution, ids)}
        due = [
            debit
            for debit in wanted.values()
            if not any(entry_id(debit.session, purse) in booked for purse in PURSES)
        ]
        if not due:
            return []
        payers = sorted({debit.account_id for debit in due})
        bonuses = {row[0]: row[1] for row in self._bonuses.rows(execution, payers)}
        entries = list(_entries(due, bonuses))
        self._change_balances(execution, entries)
        return entries

    def _change_balances(self, execution: Execution, entries: Iterable[LedgerEntry]) -> None:
        """Adds the (negative) amounts: one row an account."""
        sums: defaultdict[str, dict[str, int]] = defaultdict(lambda: {POINTS: 0, BONUS: 0})
        for entry in entries:
            sums[entry.account_id][entry.purse] += entry.amount_micros
        rows = [
            {"whose": account_id, "more_points": purses[POINTS], "more_bonus": purses[BONUS]}
            for account_id, purses in sorted(sums.items())
        ]
        texts = [tuple(row[name] for name in self._take_names) for row in rows]
        execution.many(self._take, texts)


def entry_id(session: str, purse: str) -> str:
    """The id of a debit's entry: the same call can never be debited twice."""
    return f"{session}:{purse}"


def _entries(debits: Iterable[Debit], bonuses: dict[str, int]) -> Iterator[LedgerEntry]:
    left = dict(bonuses)
    for debit in debits:
        parts = split(debit.amount_micros, left.get(debit.account_id, 0))
        left[debit.account_id] = left.get(debit.account_id, 0) - parts[0]
        for purse, part in zip(PURSES, parts, strict=True):
            if part:
                yield LedgerEntry(
                    entry_id=entry_id(debit.session, purse),
                    account_id=debit.account_id,
                    at_ms=debit.at_ms,
                    purse=purse,
                    kind=DEBIT,
                    amount_micros=-part,
                    session=debit.session,
                    note="",
                )


class _Lookup:
    """A SELECT of the rows whose key is one of some, whose text is made once for 1, 2, 4, … keys.

    SQLAlchemy's own IN makes it anew each time, which costs more than all the rest of a commit.
    """

    def __init__(self, database: Database, statement: Select[Any], key: Column[Any]) -> None:
        self._dialect = database.dialect
        self._statement = statement
        self._key = key
        self._texts: dict[int, str] = {}

    def rows(self, execution: Execution, keys: Sequence[str]) -> Iterator[Sequence[Any]]:
        """The rows of these keys, in no order; queries are padded to powers of two: their texts are few."""
        for begin in range(0, len(keys), _IN_A_QUERY):
            some = keys[begin : begin + _IN_A_QUERY]
            size = 1 << (len(some) - 1).bit_length()
            padded = [*some, *[some[-1]] * (size - len(some))]
            yield from execution.rows(self._text(size), tuple(padded))

    def _text(self, size: int) -> str:
        if size not in self._texts:
            chosen = self._key.in_([bindparam(f"key_{n}") for n in range(size)])
            compiled = self._statement.where(chosen).compile(dialect=self._dialect)
            self._texts[size] = compiled.string
        return self._texts[size]
