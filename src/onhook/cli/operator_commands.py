"""``onhook operator add|list|change|remove``: who may use the console."""

import getpass
import json
import sys
from typing import Annotated

import typer

from onhook.cli.command_groups import group
from onhook.cli.running import Data, Json, Yes, confirm, fail, run, settings_of
from onhook.console.roles import Role

commands = group("Operators of the console at /console, which is not there before there is one.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Their name, e.g. mei.")]
_ROLES = "look: sees everything; operate: also hangs up and sends again; administer: also changes."


@commands.command("add")
def add(
    name: Name,
    role: Annotated[Role, typer.Option(help=_ROLES)],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Let somebody use the console. Asks the terminal for a password, or reads a line of standard input."""
    settings = settings_of(data=data)
    from onhook.cli import operators  # the store costs half a second to import
    from onhook.cli.opening import check_there

    async def first() -> None:
        check_there(settings.data)
        operators.check_name(name)

    run(first())
    made = run(operators.add(settings.data, name, role.value, _password()))
    print(json.dumps(made) if as_json else f"{name} may {role.value} on the console, /console.")


@commands.command("list")
def list_all(data: Data = None, as_json: Json = False) -> None:
    """List the operators, their roles, and when each last signed in."""
    from onhook.cli import operators

    found = run(operators.list_operators(settings_of(data=data).data))
    if as_json:
        print(json.dumps(found))
        return
    if not found:
        print("There is no operator, and so no console; see 'onhook operator add'.")
        return
    from onhook.cli.moments import text_of
    from onhook.cli.tables import show_table

    rows = [
        (
            one["name"],
            one["role"],
            text_of(int(str(one["created_ms"])), None),
            "" if one["seen_ms"] is None else text_of(int(str(one["seen_ms"])), None),
        )
        for one in found
    ]
    show_table(("name", "role", "created", "signed in"), rows)


@commands.command("change")
def change(
    name: Name,
    role: Annotated[Role | None, typer.Option(help=_ROLES)] = None,
    password: Annotated[bool, typer.Option("--password", help="Ask for another password.")] = False,
    unlock: Annotated[
        bool, typer.Option("--unlock", help="Forget failed sign-ins, for which they have to wait.")
    ] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Give an operator another role or password, which ends every session of theirs."""
    from onhook.cli import operators

    if role is None and not password and not unlock:
        fail("Say what is to be another: --role, --password or --unlock.")
    settings = settings_of(data=data)
    another = _password() if password else None
    run(operators.change(settings.data, name, role and role.value, another, unlock=unlock))
    done = {"name": name, "changed": True}
    print(json.dumps(done) if as_json else f"The operator {name} is changed.")


@commands.command("remove")
def remove(name: Name, yes: Yes = False, data: Data = None, as_json: Json = False) -> None:
    """Remove an operator, and end every session of theirs. The audit keeps what they did."""
    from onhook.cli import operators

    confirm(f"The operator {name} will be removed. Go on?", yes=yes)
    run(operators.remove(settings_of(data=data).data, name))
    done = {"name": name, "removed": True}
    print(json.dumps(done) if as_json else f"The operator {name} is removed.")


def _password() -> str:
    """Asked for twice on the terminal; where that is none, one line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != first:
        fail("The two are not alike; nothing was changed.")
    return first
