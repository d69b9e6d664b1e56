"""``onhook trunk add|set|load|list|show|test|remove``."""

import inspect
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Unpack

import typer

from onhook.administration.trunk_options import OPTIONS, TrunkOption, TrunkOptions
from onhook.cli.command_groups import group
from onhook.cli.running import Data, Json, Yes, confirm, run, settings_of

commands = group("The ways out and in: where calls go, and whose calls come.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The trunk's name, e.g. carrier.")]
Like = Annotated[
    str, typer.Option(metavar="CARRIER", help="Begin with what is known of a carrier, e.g. telnyx.")
]


def _with_options(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose ``**options`` are those of a trunk, as Typer finds them in a signature."""
    own = inspect.signature(command).parameters.values()
    first = [one.replace(kind=one.KEYWORD_ONLY) for one in own if one.kind is not one.VAR_KEYWORD]
    more = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_annotation(option)
        )
        for name, option in OPTIONS.items()
    ]
    several = [*first, *more]
    command.__signature__ = inspect.Signature(several)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in several}
    return command


def _annotation(option: TrunkOption) -> Any:
    plain = option.default in ("", ()) or option.kind == "flag"
    text = option.help + ("" if plain else f" [default: {option.default}]")
    variable = "ONHOOK_TRUNK_PASSWORD" if option.name == "password" else None
    flags = [option.flag, *([f"--no-{option.name}"] if option.kind == "flag" else [])]
    declared = typer.Option("/".join(flags), envvar=variable, help=text, show_default=False)
    kinds: dict[str, Any] = {"flag": bool, "lines": list[str]}
    return Annotated[kinds.get(option.kind, str) | None, declared]


def _warn(sentence: str) -> None:
    if sentence:
        typer.echo(f"onhook: {sentence}", err=True)


@commands.command("add")
@_with_options
def add(
    name: Name,
    like: Like = "",
    data: Data = None,
    as_json: Json = False,
    **options: Unpack[TrunkOptions],
) -> None:
    """Add a trunk. The longest prefix of a number decides; of one prefix the first added is tried first."""
    from onhook.administration.trunk_shown import shown
    from onhook.cli import trunks  # the store costs half a second to import

    given = trunks.Given(name, like=like, **options)
    record = run(trunks.add(settings_of(data=data).data, given))
    _warn(trunks.warning(record))
    made = shown(record)
    if as_json:
        print(json.dumps(made))
        return
    numbers = "every number" if made["prefix"] == "*" else f"numbers from {made['prefix']}"
    print(f"Calls to {numbers} go through {name} to {made['proxy']}.")


@commands.command("set")
@_with_options
def change(
    name: Name, data: Data = None, as_json: Json = False, **options: Unpack[TrunkOptions]
) -> None:
    """Change options of a trunk; those that are not given stay as they are. "" takes one back."""
    from onhook.administration.trunk_shown import shown
    from onhook.cli import trunks

    given = trunks.Given(name, **options)
    record = run(trunks.change(settings_of(data=data).data, given))
    _warn(trunks.warning(record))
    changed = ", ".join(given.options)
    print(json.dumps(shown(record)) if as_json else f"{name} is changed: {changed}.")


@commands.command("load")
def load(
    file: Annotated[
        Path, typer.Argument(help="TOML: a table for each trunk, its options as keys.")
    ],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make trunks what a file says, all of them or none; those that it does not name stay."""
    from onhook.administration.trunk_shown import shown
    from onhook.cli import trunks

    records = run(trunks.load(settings_of(data=data).data, file))
    for record in records:
        _warn(trunks.warning(record))
    made = [shown(record) for record in records]
    if as_json:
        print(json.dumps(made))
        return
    for one in made:
        print(f"{one['trunk']} is at {one['proxy']}.")


_WIDE = 190
"""Characters a line that all columns of a list take."""
_NARROW = ("trunk", "state", "prefix", "proxy", "failures")
"""What fits into 80; `trunk show` has the rest."""


@commands.command("list")
def list_all(data: Data = None, as_json: Json = False) -> None:
    """List the trunks and how they are; passwords are not shown."""
    from onhook.administration.trunk_shown import IN_A_LIST, shown
    from onhook.cli import trunk_health, trunks

    where = settings_of(data=data).data
    found = [shown(one) for one in run(trunks.list_all(where))]
    health = run(trunk_health.health_of_all(where))
    if as_json:
        print(json.dumps([{**one, "health": health.get(one["trunk"])} for one in found]))
        return
    if not found:
        print("There is no trunk.")
        return
    from onhook.cli.tables import show_table, width

    rows = [
        dict(zip(trunk_health.COLUMNS, trunk_health.cells(health.get(one["trunk"])), strict=True))
        | {key: one[key] for key in IN_A_LIST}
        for one in found
    ]
    wide = width() >= _WIDE
    columns = (*IN_A_LIST, *trunk_health.COLUMNS) if wide else _NARROW
    show_table(columns, [[row[key] for key in columns] for row in rows])


@commands.command("show")
def show(name: Name, data: Data = None, as_json: Json = False) -> None:
    """Show all options of a trunk but its password, and how it is; options at their default are marked."""
    from onhook.administration.trunk_shown import at_default, said, shown
    from onhook.cli import trunk_health, trunks

    where = settings_of(data=data).data
    found = shown(run(trunks.show(where, name)))
    health = run(trunk_health.health_of_all(where)).get(name)
    defaults = at_default(found)
    if as_json:
        print(json.dumps({**found, "defaults": defaults, "health": health}))
        return
    from onhook.cli.tables import show_table

    marks = ["default" if key in defaults else "" for key in found]
    show_table(
        ("option", "value", ""),
        [
            *[
                (key, said(value), mark)
                for (key, value), mark in zip(found.items(), marks, strict=True)
            ],
            *[(key, value, "") for key, value in trunk_health.rows(health)],
        ],
    )


@commands.command("test")
def test(
    name: Name,
    timeout: Annotated[
        float, typer.Option(min=0.1, max=32, help="Seconds that each of its addresses has.")
    ] = 6.0,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Ask a trunk by OPTIONS whether it is there. Status 1 if it is not, or refuses the credentials."""
    from onhook.cli import trunks

    probed = run(trunks.probe(settings_of(data=data).data, name, timeout))
    print(json.dumps(asdict(probed)) if as_json else f"{name}: {probed.detail}")
    if not probed.ok:
        raise typer.Exit(1)


@commands.command("remove")
def remove(name: Name, yes: Yes = False, data: Data = None, as_json: Json = False) -> None:
    """Remove a trunk. Calls that go on through it are not touched."""
    from onhook.cli import trunks

    confirm(f"The trunk {name} will be removed, with its password. Go on?", yes=yes)
    run(trunks.remove(settings_of(data=data).data, name))
    print(
        json.dumps({"trunk": name, "removed": True}) if as_json else f"The trunk {name} is removed."
    )
