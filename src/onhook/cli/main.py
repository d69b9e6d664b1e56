"""``onhook serve``, ``onhook app create``, ``onhook number add``."""

import asyncio
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer

from onhook.cli.errors import CommandError
from onhook.server.settings import Settings, SettingsError, load

Result = TypeVar("Result")

app = typer.Typer(
    help="Onhook, a self-hosted voice API.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app_commands = typer.Typer(help="Applications.", no_args_is_help=True)
number_commands = typer.Typer(help="Numbers that can be called.", no_args_is_help=True)
app.add_typer(app_commands, name="app")
app.add_typer(number_commands, name="number")


def _doc(name: str) -> str:
    return Settings.model_fields[name].description or ""


Data = Annotated[Path | None, typer.Option("--data", help=_doc("data"))]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def serve(
    http: Annotated[str | None, typer.Option(help=_doc("http"))] = None,
    sip: Annotated[str | None, typer.Option(help=_doc("sip"))] = None,
    rtp_ports: Annotated[str | None, typer.Option(help=_doc("rtp_ports"))] = None,
    data: Data = None,
    config: Annotated[str | None, typer.Option(help=_doc("config"))] = None,
    allowed_networks: Annotated[str | None, typer.Option(help=_doc("allowed_networks"))] = None,
    trusted_peers: Annotated[str | None, typer.Option(help=_doc("trusted_peers"))] = None,
    ca_file: Annotated[str | None, typer.Option(help=_doc("ca_file"))] = None,
    currency: Annotated[str | None, typer.Option(help=_doc("currency"))] = None,
    rate: Annotated[str | None, typer.Option(help=_doc("rate"))] = None,
    rate_limit: Annotated[str | None, typer.Option(help=_doc("rate_limit"))] = None,
    settle_ms: Annotated[str | None, typer.Option(help=_doc("settle_ms"))] = None,
    ringing_s: Annotated[str | None, typer.Option(help=_doc("ringing_s"))] = None,
    idle_s: Annotated[str | None, typer.Option(help=_doc("idle_s"))] = None,
    reject_code: Annotated[str | None, typer.Option(help=_doc("reject_code"))] = None,
    prepare_s: Annotated[str | None, typer.Option(help=_doc("prepare_s"))] = None,
    drain_s: Annotated[str | None, typer.Option(help=_doc("drain_s"))] = None,
    retry_schedule: Annotated[str | None, typer.Option(help=_doc("retry_schedule"))] = None,
    log_private: Annotated[bool | None, typer.Option(help=_doc("log_private"))] = None,
) -> None:
    """Run the server. Every option can also be given as ONHOOK_<NAME> or in a TOML file."""
    settings = _settings(**locals())
    from onhook.cli.serving import serve as run  # after the settings: a mistake is told at once

    message = run(settings)
    if message:
        _fail(message)


@app_commands.command("create")
def create_app(
    name: Annotated[str, typer.Argument(help="A name for people.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Create an application; prints its app_id and its access_token, which is shown only now."""
    from onhook.cli import accounts  # the store costs half a second to import

    made = _run(accounts.create_application(_settings(data=data).data, name))
    if as_json:
        print(json.dumps(made))
        return
    for key, value in made.items():
        print(f"{key:<15} {value}")


@number_commands.command("add")
def add_number(
    number: Annotated[str, typer.Argument(help="The number in E.164, e.g. +6531234567.")],
    application: Annotated[str, typer.Option("--app", help="The app_id of its application.")],
    forward_to: Annotated[str, typer.Option(help="The URL that is told of calls to it.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Give a number to an application: calls to it are told to forward-to."""
    from onhook.cli import accounts

    made = _run(accounts.add_number(_settings(data=data).data, number, application, forward_to))
    if as_json:
        print(json.dumps(made))
        return
    print(f"{made['number']} rings for application {made['app_id']}.")


def _settings(**given: object) -> Settings:
    try:
        return load(**given)
    except SettingsError as error:
        _fail(str(error))


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    try:
        return asyncio.run(work)
    except CommandError as error:
        _fail(str(error))


def _fail(message: str) -> NoReturn:
    typer.echo(f"onhook: {message}", err=True)
    raise typer.Exit(1)


def main() -> None:
    """Entry point of the command."""
    app()
