"""Groups of commands, whose help has the first sentence of each command whole."""

from typing import Any

import typer
from typer.core import TyperGroup

_WHOLE = 1000
"""Characters of a sentence; no command has as many."""


class _Group(TyperGroup):
    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Its commands, each sentence in as many lines as it takes; else it is cut at the end of the first.
        What is given has types of typer that are not public."""
        found = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [
            (name, command.get_short_help_str(_WHOLE))
            for name, command in found
            if command is not None and not command.hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def group(about: str) -> typer.Typer:
    """A group of commands that does nothing by itself."""
    return typer.Typer(cls=_Group, help=about, no_args_is_help=True)


def root(about: str) -> typer.Typer:
    """The group of all, which has options of its own."""
    return typer.Typer(
        cls=_Group,
        help=about,
        no_args_is_help=True,
        invoke_without_command=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
