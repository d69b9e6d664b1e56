"""What a test changes in the books of a server: its numbers, its credit."""

from decimal import Decimal

from sqlalchemy import update

from onhook.billing import micros
from onhook.store import MAIN_ACCOUNT, Store, schema
from onhook.store.noted import AuditEntry


async def set_credit(store: Store, amount: str | None) -> None:
    """The account has this much and no more; None: it pays afterwards, whatever calls cost."""
    table = schema.accounts
    values = {
        "prepaid": amount is not None,
        "points_micros": 0 if amount is None else micros(Decimal(amount)),
        "bonus_micros": 0,
    }
    await store.change(update(table).where(table.c.account_id == MAIN_ACCOUNT).values(**values))


def noted(action: str, target: str, detail: str) -> AuditEntry:
    """By the way of a command; nobody reads an audit of tests."""
    return AuditEntry("tests", "cli", action, target, detail)
