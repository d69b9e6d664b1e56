"""What every command does alike: its settings, its event loop, one sentence when it cannot go on."""

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from pydantic import SecretStr

from onhook.cli.errors import CommandError
from onhook.server.settings import Settings, SettingsError, load

Result = TypeVar("Result")

_INTERRUPTED = 130
"""The status of a command that Ctrl-C ended, as shells have it."""


def doc(name: str) -> str:
    """The description of a setting, and what holds without it."""
    setting = Settings.model_fields[name]
    default = written(setting.default)
    return f"{setting.description} {f'[default: {default}]' if default else ''}".rstrip()


def written(value: object) -> str:
    """A setting's value as it would be written on the command line; empty for none."""
    match value:
        case None | "" | () | SecretStr():
            return ""
        case bool():
            return "yes" if value else "no"
        case (str(host), int(port)):
            return f"{host}:{port}"
        case (int(low), int(high)):
            return f"{low}-{high}"
        case tuple():
            return ",".join(map(str, value))
        case _:
            return str(value)


Data = Annotated[Path | None, typer.Option("--data", help=doc("data"))]
VoicesDir = Annotated[Path | None, typer.Option("--voices-dir", help=doc("voices_dir"))]
Experimental = Annotated[
    bool | None, typer.Option("--experimental-voices", help=doc("experimental_voices"))
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


Yes = Annotated[
    bool, typer.Option("--yes", "-y", help="Do not ask before something is taken away.")
]


def confirm(question: str, *, yes: bool) -> None:
    """Asks whoever sits at a terminal before something is destroyed; no ends the command with status 1.

    Nobody is asked with ``--yes``, nor where there is no terminal: a script has made up its mind.
    """
    if not yes and sys.stdin.isatty() and not typer.confirm(question, err=True):
        fail("Nothing was changed.")


def settings_of(**given: object) -> Settings:
    """The settings; one that cannot be used ends the command."""
    try:
        return load(**given)
    except SettingsError as error:
        fail(str(error))


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """What the work returns; a CommandError ends the command."""
    try:
        return asyncio.run(work)
    except CommandError as error:
        fail(str(error))
    except KeyboardInterrupt:  # how what goes on until somebody has seen enough is ended
        raise typer.Exit(_INTERRUPTED) from None


def fail(message: str) -> NoReturn:
    """Ends the command with one sentence and status 1."""
    typer.echo(f"onhook: {message}", err=True)
    raise typer.Exit(1)
