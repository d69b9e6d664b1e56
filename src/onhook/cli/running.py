"""What every command does alike: its settings, its event loop, one sentence when it cannot go on."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from pydantic import SecretStr

from onhook.cli.errors import CommandError
from onhook.server.settings import Settings, SettingsError, load

Result = TypeVar("Result")


def doc(name: str) -> str:
    """The description of a setting, and what holds without it."""
    setting = Settings.model_fields[name]
    default = _written(setting.default)
    return f"{setting.description} {f'[default: {default}]' if default else ''}".rstrip()


def _written(value: object) -> str:
    """A default as it would be written on the command line; empty for none."""
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
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


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


def fail(message: str) -> NoReturn:
    """Ends the command with one sentence and status 1."""
    typer.echo(f"onhook: {message}", err=True)
    raise typer.Exit(1)
