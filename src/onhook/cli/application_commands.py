"""``onhook app list|update|remove`` and ``onhook number list|update|remove``."""

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer

from onhook.cli.running import Data, Json, fail, run, settings_of


class Format(StrEnum):
    """How notifications to an application are written."""

    FORM = "form"
    JSON = "json"


class NumberFormat(StrEnum):
    """How the calls of a number are told."""

    FORM = "form"
    JSON = "json"
    APPLICATION = "application"

    @property
    def stored(self) -> str:
        """Empty for that of the application."""
        return "" if self is NumberFormat.APPLICATION else self.value


AppFormat = Annotated[
    Format,
    typer.Option(
        "--format", help="The body of its notifications: a form, or JSON with the same fields."
    ),
]
NUMBER_FORMAT_HELP = (
    "The body of the notifications of its calls: a form, JSON with the same fields, or whatever its "
    "application has."
)
OwnFormat = Annotated[NumberFormat, typer.Option("--format", help=NUMBER_FORMAT_HELP)]
MEDIA_HELP = (
    "Say in the terminal notification of its calls what their audio was like, in media_… fields."
)


def list_applications(data: Data = None, as_json: Json = False) -> None:
    """List the applications with their numbers; tokens are not shown."""
    from onhook.cli import applications  # the store costs half a second to import

    found = run(applications.list_applications(settings_of(data=data).data))
    _show(
        found,
        ("app_id", "name", "account", "format", "numbers"),
        as_json,
        "There is no application.",
    )


def update_application(
    app_id: Annotated[str, typer.Argument(metavar="APP_ID", help="Its app_id.")],
    form: AppFormat,
    data: Data = None,
) -> None:
    """Change how an application is told; calls that go on are told as before."""
    from onhook.cli import applications

    run(applications.update_application(settings_of(data=data).data, app_id, form.value))
    print(f"The application {app_id} is told as {form.value} from now on.")


def update_number(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The number, e.g. +6531234567.")],
    form: Annotated[NumberFormat | None, typer.Option("--format", help=NUMBER_FORMAT_HELP)] = None,
    media: Annotated[bool | None, typer.Option("--media/--no-media", help=MEDIA_HELP)] = None,
    data: Data = None,
) -> None:
    """Change how the calls of a number are told; calls that go on are told as before."""
    from onhook.cli import applications

    how = None if form is None else form.stored
    if how is None and media is None:
        fail("Say what is to be another: --format, --media or --no-media.")
    run(applications.update_number(settings_of(data=data).data, number, how, media))
    if how is not None:
        print(f"Calls to {number} are told as {how or 'its application is'} from now on.")
    if media is not None:
        print(
            f"Calls to {number} are told {'with' if media else 'without'} their media from now on."
        )


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
    columns = ("number", "app_id", "application", "forward_to", "format")
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
