"""``onhook app rotate`` and ``onhook app token add|list|rotate|revoke``."""

import json
from typing import Annotated

import typer

from onhook.cli.command_groups import group
from onhook.cli.running import Data, Json, Yes, confirm, run, settings_of

commands = group("Access tokens of an application: several, by names.")

AppId = Annotated[str, typer.Argument(metavar="APP_ID", help="The application's app_id.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The token's name, e.g. reports.")]


@commands.command("add")
def add(app_id: AppId, name: Name, data: Data = None, as_json: Json = False) -> None:
    """Give an application one more access token, which is shown only now.

    It opens all that the first one, main, does. Signatures of notifications are made with main.
    """
    from onhook.cli import tokens  # the store costs half a second to import

    _print(run(tokens.add(settings_of(data=data).data, app_id, name)), as_json)


@commands.command("list")
def list_all(app_id: AppId, data: Data = None, as_json: Json = False) -> None:
    """List the names of an application's tokens; which one signs its notifications; none is shown."""
    from onhook.cli import tokens

    found = run(tokens.list_tokens(settings_of(data=data).data, app_id))
    if as_json:
        print(json.dumps(found))
        return
    from onhook.cli.moments import text_of
    from onhook.cli.tables import show_table

    rows = [
        (one["name"], "yes" if one["signs"] else "", text_of(int(str(one["created_ms"])), None))
        for one in found
    ]
    show_table(("name", "signs", "created"), rows)


@commands.command("rotate")
def rotate_one(
    app_id: AppId, name: Name, yes: Yes = False, data: Data = None, as_json: Json = False
) -> None:
    """Replace a token by another one of its name, which is shown only now; the old one opens nothing then."""
    from onhook.cli import tokens

    confirm(f"The token {name} of {app_id} will open nothing any more. Go on?", yes=yes)
    _print(run(tokens.rotate(settings_of(data=data).data, app_id, name)), as_json)


@commands.command("revoke")
def revoke(
    app_id: AppId, name: Name, yes: Yes = False, data: Data = None, as_json: Json = False
) -> None:
    """Revoke a token: it opens nothing any more, within a second."""
    from onhook.cli import tokens

    confirm(f"The token {name} of {app_id} will open nothing any more. Go on?", yes=yes)
    run(tokens.revoke(settings_of(data=data).data, app_id, name))
    done = {"app_id": app_id, "name": name, "revoked": True}
    print(json.dumps(done) if as_json else f"The token {name} of {app_id} is revoked.")


def rotate(
    app_id: AppId,
    keep: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The old token goes on opening the API, under this name, until it is revoked.",
        ),
    ] = None,
    yes: Yes = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Replace the access token of an application by a new one, which is shown only now.

    Notifications are signed with the new one at once (X-Hoiio-Signature).
    """
    from onhook.cli import tokens

    if keep is None:
        confirm(f"The access token of {app_id} will open nothing any more. Go on?", yes=yes)
    _print(run(tokens.rotate(settings_of(data=data).data, app_id, keep=keep)), as_json)


def _print(made: dict[str, str], as_json: bool) -> None:
    if as_json:
        print(json.dumps(made))
        return
    for key, value in made.items():
        print(f"{key:<15} {value}")
