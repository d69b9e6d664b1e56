"""``onhook backup`` and ``onhook restore``."""

import json
from pathlib import Path
from typing import Annotated

import typer

from onhook.cli.running import Data, Json, Yes, confirm, run, settings_of


def backup(
    file: Annotated[Path, typer.Argument(help="The archive (tar) to write; it must not be there.")],
    recordings: Annotated[
        bool, typer.Option("--recordings/--no-recordings", help="With the recordings of calls.")
    ] = True,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Write all that is needed to go on elsewhere into one file, while the server runs: the database as it is
    at one moment, the key of its secrets, and recordings. Whoever has the file has all of that."""
    settings = settings_of(data=data)
    from onhook.cli import archives

    made = run(archives.write(settings, file, recordings=recordings))
    text = f"{file}: {made['files']} files, {made['bytes']} bytes."
    print(json.dumps(made) if as_json else text)


def restore(
    file: Annotated[Path, typer.Argument(help="What 'onhook backup' wrote.")],
    yes: Yes = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make a data directory of a backup. No server may run on it; what is there is moved aside."""
    settings = settings_of(data=data)
    from onhook.cli import archives

    if archives.has_data(settings.data):
        confirm(f"The data in {settings.data} will be moved aside. Go on?", yes=yes)
    made = run(archives.restore(settings, file))
    aside = f" What was there is in {made['aside']}." if made["aside"] else ""
    print(json.dumps(made) if as_json else f"{settings.data} is as it was backed up.{aside}")
