"""``onhook rate list|show|set|remove|import``."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from onhook.cli.command_groups import group
from onhook.cli.running import Data, Json, Yes, confirm, run, settings_of

commands = group("What calls cost.")

Direction = Annotated[str, typer.Argument(help="in (calls to our numbers) or out.")]
Prefix = Annotated[str, typer.Argument(help="How the number begins, e.g. 65; * is every number.")]
Currency = Annotated[str, typer.Argument(help="ISO 4217 code, e.g. SGD.")]


@commands.command("list")
def list_all(data: Data = None, as_json: Json = False) -> None:
    """List the rate table."""
    from onhook.cli import rates  # the store costs half a second to import

    found = run(rates.list_rates(settings_of(data=data).data))
    if as_json:
        print(json.dumps(found))
    elif found:
        _print(found)
    else:
        print("The rate table is empty.")


@commands.command("show")
def show(
    direction: Direction,
    number: Annotated[str, typer.Argument(help="The number, e.g. +6531234567.")],
    currency: Currency,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show the rate that holds for a number: the one with the longest prefix, or the default (--rate)."""
    from onhook.cli import rates

    found = run(rates.rate_of(settings_of(data=data), direction, number, currency))
    if as_json:
        print(json.dumps(found))
    else:
        _print([found])


@commands.command("set")
def set_one(
    direction: Direction,
    prefix: Prefix,
    currency: Currency,
    per_minute: Annotated[str, typer.Argument(help="Charge for a minute, at most six decimals.")],
    initial_s: Annotated[str, typer.Option(help="The first billed step, seconds.")] = "60",
    increment_s: Annotated[str, typer.Option(help="Each further step, seconds.")] = "60",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Add a rate, or change the one with this direction, prefix and currency."""
    from onhook.cli import rates

    where = settings_of(data=data).data
    steps = (initial_s, increment_s)
    made = run(rates.set_rate(where, direction, prefix, currency, per_minute, steps))
    if as_json:
        print(json.dumps(made))
    else:
        _print([made])


@commands.command("remove")
def remove(
    direction: Direction,
    prefix: Prefix,
    currency: Currency,
    yes: Yes = False,
    data: Data = None,
) -> None:
    """Remove a rate; the next shorter prefix holds, or the default."""
    from onhook.cli import rates

    confirm(f"The rate {direction} {prefix} {currency} will be removed. Go on?", yes=yes)
    run(rates.remove_rate(settings_of(data=data).data, direction, prefix, currency))


@commands.command("import")
def import_file(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="CSV", help="direction,prefix,currency,per_minute,initial_s,increment_s"
        ),
    ],
    replace: Annotated[
        bool, typer.Option("--replace", help="Remove every rate that the file does not have.")
    ] = False,
    yes: Yes = False,
    data: Data = None,
) -> None:
    """Add or change the rates of a CSV file: all of them, or none if a line is wrong."""
    from onhook.cli import rates

    where = settings_of(data=data).data
    if replace:
        confirm("Every rate that the file does not have will be removed. Go on?", yes=yes)
    count = run(rates.import_rates(where, file, replace=replace))
    print(f"{count} rates imported.")


def _print(rows: Sequence[Mapping[str, object]]) -> None:
    from onhook.cli.tables import show_table

    show_table(list(rows[0]), [list(row.values()) for row in rows])
