"""Looking something up by its key, where a call waits for it: by a query whose text is made once.

SQLAlchemy's own way takes ten times as long, most of it on the event loop.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import cached_property
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import BindParameter, Select, Table, bindparam

from onhook.store.database import Database

Record = TypeVar("Record")

KEY: Final[BindParameter[str]] = bindparam("key")
"""What is asked for, in the condition of a query."""


class LookUp(Generic[Record]):
    """A query of a table with one condition, on ``KEY``, whose rows are records of one ``kind``."""

    def __init__(
        self, database: Database, kind: type[Record], table: Table, asked: Select[Any]
    ) -> None:
        self._database = database
        self._kind = kind
        self._columns = [table.c[field.name] for field in fields(kind)]  # type: ignore[arg-type]  # all are dataclasses
        self._asked = asked

    async def first(self, key: str) -> Record | None:
        """The record of this key, or the first of several; None if there is none. Raises SQLAlchemyError."""
        text, readers = self._made
        rows = await self._database.look_up(text, (key,))
        if not rows:
            return None
        values = list(rows[0])
        for place, read in readers:
            values[place] = read(values[place])
        return self._kind(*values)

    @cached_property
    def _made(self) -> tuple[str, Sequence[tuple[int, Callable[[Any], Any]]]]:
        """The text, and what reads the columns that the driver gives as something else. It is made when it is
        first asked: a switch that takes over calls asks little."""
        dialect = self._database.dialect
        text = self._asked.with_only_columns(*self._columns).compile(dialect=dialect).string
        readers = [
            (place, read)
            for place, column in enumerate(self._columns)
            if (read := column.type.dialect_impl(dialect).result_processor(dialect, None))
        ]
        return text, readers
