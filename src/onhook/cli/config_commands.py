"""``onhook config show``."""

import json
import os
from typing import Annotated

import typer

from onhook.cli.command_groups import group
from onhook.cli.running import Data, Json, doc, settings_of

commands = group("The settings, and where each value comes from.")


_WIDE = 120
"""Characters a line that names of variables and files take."""


@commands.command("show")
def show(
    changed: Annotated[
        bool, typer.Option("--changed", help="Only settings that are not at their default.")
    ] = False,
    config: Annotated[str | None, typer.Option(help=doc("config"))] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show every setting as a server started here and now would have it, and where its value comes from.

    Beside a server that runs, also what that was started with, where it is something else.
    """
    settings = settings_of(config=config, data=data)
    from onhook.cli import config_shown

    given = {"config": config, "data": data}
    found = config_shown.settings_shown(settings, given, os.environ)
    chosen = [one for one in found if not changed or one["from"] != config_shown.DEFAULT]
    if as_json:
        print(json.dumps(chosen))
        return
    from onhook.cli.tables import show_table, width

    columns = (
        config_shown.COLUMNS
        if any(one["running"] != "" for one in chosen)
        else config_shown.COLUMNS[:3]
    )
    if width() < _WIDE:  # which variable or option it is follows from the name of the setting
        chosen = [one | {"from": one["from"].partition(" ")[0]} for one in chosen]
    show_table(columns, [[one[column] for column in columns] for one in chosen])
