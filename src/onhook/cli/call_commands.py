"""``onhook call place|hangup``: for trying, by the API of the server that runs."""

import json
from typing import Annotated

import typer

from onhook.cli.command_groups import group
from onhook.cli.running import Data, Json, Yes, confirm, run, settings_of

commands = group("Try it: place a call, hang one up, by the API of the server that runs here.")


@commands.command("place")
def place(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="Whom to call, in E.164.")],
    msg: Annotated[str, typer.Option(help="What is said when it is answered: text or markup.")] = (
        "This is a test call. Good bye."
    ),
    caller_id: Annotated[str | None, typer.Option(help="The number that is shown.")] = None,
    app: Annotated[
        str | None,
        typer.Option("--app", help="The app_id whose call it is. [default: the only one]"),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait for its end, and say why it ended.")
    ] = True,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Place a call by a trunk, say something, and hang up. Status 1 unless it was answered."""
    settings = settings_of(data=data)
    from onhook.cli import trying

    placed = run(trying.place(settings, number, msg, caller_id, app))
    if not wait:
        print(json.dumps(placed) if as_json else f"{placed['session']} is under way.")
        return
    if not as_json:
        typer.echo(f"{placed['session']} is under way; Ctrl-C leaves it alone.", err=True)
    ended = run(trying.outcome(settings, placed["session"]))
    if as_json:
        print(json.dumps({**placed, **ended}))
    else:
        print(ended["sentence"])
        print(f"What to do: {ended['advice']}")
    if not ended["answered"]:
        raise typer.Exit(1)


@commands.command("hangup")
def hangup(
    call: Annotated[str, typer.Argument(metavar="SESSION", help="Its session or its txn_ref.")],
    msg: Annotated[
        str | None, typer.Option(help="What is said before; else it ends at once.")
    ] = None,
    yes: Yes = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Hang up a call that goes on, as its application could; that is told of the end as ever."""
    settings = settings_of(data=data)
    from onhook.cli import trying

    confirm(f"The call {call} will be hung up. Go on?", yes=yes)
    session = run(trying.hang_up(settings, call, msg))
    print(
        json.dumps({"session": session, "hung_up": True}) if as_json else f"{session} is hung up."
    )
