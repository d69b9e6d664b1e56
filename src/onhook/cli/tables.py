"""Tables for the terminal. Rich is imported here and nowhere else."""

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDE = 250
"""Characters a line where nobody looks: a pipe or a file, in which no cell is to be broken."""


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Prints rows below their headings; long cells are folded, never cut."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*[_cell(value) for value in row])
    _console().print(table)


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
