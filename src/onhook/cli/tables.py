"""Tables for the terminal. Rich is imported here and nowhere else."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

_WHOLE = ("session", "id")
"""Columns that are to be copied, and so never folded."""
_WIDE = 250
"""Characters a line where nobody looks: a pipe or a file, in which no cell is to be broken."""


def width() -> int:
    """Characters a line of the terminal; 250 where the output goes elsewhere."""
    return _console().width


def is_terminal() -> bool:
    """Whether somebody looks at the output."""
    return sys.stdout.isatty()


def show_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, between: int = 2
) -> None:
    """Prints rows below their headings, so many spaces ``between`` two columns; long cells are folded, never
    cut, and those of some columns not even that."""
    _console().print(_table(columns, rows, between))


Draw: TypeAlias = Callable[[Iterable[Sequence[object]], str], None]
"""Draws a table anew: its rows, and a line below it."""


@contextmanager
def moving_table(columns: Sequence[str]) -> Iterator[Draw]:
    """A table that has the terminal to itself, and is drawn anew in its place. What does not fit is cut off
    at the bottom, and the line below it stays to be seen."""
    console = _console()
    with Live(console=console, screen=True, auto_refresh=False) as live:

        def draw(rows: Iterable[Sequence[object]], below: str) -> None:
            height = max(1, console.height - 3)
            shown = list(rows)[:height]
            live.update(Group(_table(columns, shown, 1), _cell(below)), refresh=True)

        yield draw


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]], between: int) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, between, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in _WHOLE)
    for row in rows:
        table.add_row(*[_cell(value) for value in row])
    return table


def show_fields(fields: Iterable[tuple[str, object]]) -> None:
    """Names and values, one pair a line; what has no value is left out."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in fields:
        if value not in (None, ""):
            table.add_row(name, _cell(value))
    _console().print(table)


def show_line(text: str = "") -> None:
    """Prints a line, as it is: nothing in it is markup."""
    _console().print(_cell(text))


def _cell(value: object) -> Text:
    """Text as it is: customers' own is neither markup nor a command to the terminal."""
    text = "" if value is None else str(value)
    return Text(
        "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    )


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)
