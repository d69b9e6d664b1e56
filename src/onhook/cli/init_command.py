"""``onhook init``: its options. What it does is in ``cli/beginning/``, which is slow to import."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from onhook.cli.errors import CommandError
from onhook.cli.running import Data, doc, fail, settings_of


def init(
    directory: Annotated[Path, typer.Argument(help="Where files are written to.")] = Path(),
    sip: Annotated[str | None, typer.Option(help=doc("sip").partition(" [default")[0])] = None,
    trusted_peers: Annotated[
        str | None, typer.Option(help="CIDRs whose calls are taken [default: those of here].")
    ] = None,
    http: Annotated[str | None, typer.Option(help=doc("http"))] = None,
    number: Annotated[str | None, typer.Option(help="The number that is called.")] = None,
    forward_to: Annotated[
        str | None, typer.Option(help="The URL of the application, which is told of calls.")
    ] = None,
    name: Annotated[str, typer.Option(help="A name for the application.")] = "first",
    data: Data = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Ask nothing: what no option says is as proposed.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace files that are there already.")
    ] = False,
) -> None:
    """Ask five questions, and write what a first call needs: a settings file, a unit for systemd, an
    application that answers, and a data directory with a number for it.

    Answers can be given as options, or line by line on standard input; an empty line is what is proposed.
    """
    settings = settings_of(data=data)
    from onhook.cli.beginning import begin

    directory = directory.absolute()
    there = begin.files_there(directory)
    if there and not replace:
        names = ", ".join(map(str, there))
        if yes or sys.stdin is None or not sys.stdin.isatty():
            fail(f"{names} would be replaced: say --replace, or name another directory.")
        if not typer.confirm(f"{names} will be replaced. Go on?", err=True):
            fail("Nothing was changed.")
    given = {
        "sip": sip,
        "trusted_peers": trusted_peers,
        "http": http,
        "number": number,
        "forward_to": forward_to,
    }
    try:
        begin.begin(directory, settings.data.absolute(), name, given, asks=not yes)
    except CommandError as error:
        fail(str(error))
