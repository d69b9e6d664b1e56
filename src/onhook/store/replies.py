"""How a reply to a request with an idempotency key is written; see :mod:`onhook.store.kept_replies`."""

from typing import TYPE_CHECKING

from sqlalchemy import ColumnClause, literal_column

from onhook.blocks.idempotency import KEPT_S
from onhook.store import schema
from onhook.store.database import Database

if TYPE_CHECKING:
    from onhook.store.database import Insertion

KEPT_MS = KEPT_S * 1000


def keep(database: Database) -> "Insertion":
    """The statement that keeps a reply. The first one under a key stays, until it is a day old."""
    table = schema.idempotent_replies
    statement = database.insert(table)
    day: ColumnClause[int] = literal_column(str(KEPT_MS))
    return statement.on_conflict_do_update(
        index_elements=[column.name for column in table.primary_key],
        set_={name: statement.excluded[name] for name in ("digest", "reply", "created_ms")},
        where=table.c.created_ms <= statement.excluded.created_ms - day,
    )
