"""``onhook app list|remove`` and ``onhook number list|remove``."""

import json
from collections.abc import Sequence
from typing import Annotated

import typer

from onhook.cli.running import Data, Json, run, settings_of


def list_applications(data: Data = None, as_json: Json = False) -> None:
    """List the applications with their numbers; tokens are not shown."""
    from onhook.cli import applications  # the store costs half a second to import

    found = run(applications.list_applications(settings_of(data=data).data))
    _show(found, ("app_id", "name", "account", "numbers"), as_json, "There is no application.")


def remove_application(
    app_id: Annotated[str, typer.Argument(metavar="APP_ID", help="Its app_id.")],
    data: Data = None,
) -> None:
    """Remove an application: its access token opens nothing any more.

    It must have no numbers. Its calls that go on are not touched, and what was stored of calls stays.
    """
    from onhook.cli import applications

    run(applications.remove_application(settings_of(data=data).data, app_id))
    print(f"The application {app_id} is removed.")


def list_numbers(data: Data = None, as_json: Json = False) -> None:
    """List the numbers, their applications, and the URLs that are told of calls."""
    from onhook.cli import applications

    found = run(applications.list_numbers(settings_of(data=data).data))
    columns = ("number", "app_id", "application", "forward_to")
    _show(found, columns, as_json, "There is no number.")


def remove_number(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The number, e.g. +6531234567.")],
    data: Data = None,
) -> None:
    """Remove a number: calls to it are refused from now on. Calls that go on are not touched."""
    from onhook.cli import applications

    run(applications.remove_a_number(settings_of(data=data).data, number))
    print(f"The number {number} is removed.")


def _show(
    found: Sequence[dict[str, object]], columns: Sequence[str], as_json: bool, none: str
) -> None:
    if as_json:
        print(json.dumps(found))
    elif not found:
        print(none)
    else:
        from onhook.cli.tables import show_table

        show_table(columns, [[_text(one[column]) for column in columns] for one in found])


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
