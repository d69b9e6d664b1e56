"""``onhook app list|show|update|remove``, and what the commands about numbers have in common with them."""

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer

from onhook.cli.running import Data, Json, Yes, confirm, fail, run, settings_of


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


class Detail(StrEnum):
    """What the terminal notification of a call says in ``detail``."""

    WHY = "why"
    NONE = "none"


class NumberDetail(StrEnum):
    """The same of the calls of a number."""

    WHY = "why"
    NONE = "none"
    APPLICATION = "application"

    @property
    def stored(self) -> str:
        """Empty for that of the application."""
        return "" if self is NumberDetail.APPLICATION else self.value


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
DETAIL_HELP = (
    "What the terminal notification of its calls says in `detail`: why they ended, or nothing."
)
NUMBER_DETAIL_HELP = f"{DETAIL_HELP[:-1]}, or whatever its application has."
AppDetail = Annotated[Detail, typer.Option("--detail", help=DETAIL_HELP)]
OwnDetail = Annotated[NumberDetail, typer.Option("--detail", help=NUMBER_DETAIL_HELP)]
OwnFormat = Annotated[NumberFormat, typer.Option("--format", help=NUMBER_FORMAT_HELP)]
AppId = Annotated[str, typer.Argument(metavar="APP_ID", help="Its app_id.")]
MEDIA_HELP = (
    "Say in the terminal notification of its calls what their audio was like, in media_… fields."
)


def list_applications(data: Data = None, as_json: Json = False) -> None:
    """List the applications with their numbers; tokens are not shown."""
    from onhook.cli import applications  # the store costs half a second to import

    found = run(applications.list_applications(settings_of(data=data).data))
    show_all(
        found,
        ("app_id", "name", "account", "format", "detail", "numbers"),
        as_json,
        "There is no application.",
    )


def show_application(
    app_id: AppId,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show an application, its numbers and the names of its tokens."""
    from onhook.cli import applications

    found = run(applications.show_application(settings_of(data=data).data, app_id))
    if as_json:
        print(json.dumps(found))
        return
    from onhook.cli.moments import text_of
    from onhook.cli.tables import show_fields

    created = text_of(int(str(found.pop("created_ms"))), None)
    tokens = found.pop("tokens")
    names = [one["name"] for one in tokens] if isinstance(tokens, list) else []
    fields = {**found, "tokens": names, "created": created}
    show_fields([(name, _text(value)) for name, value in fields.items()])


def update_application(
    app_id: AppId,
    form: Annotated[
        Format | None,
        typer.Option(
            "--format", help="The body of its notifications: a form, or JSON with the same fields."
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Another name for people.")] = None,
    detail: Annotated[Detail | None, typer.Option("--detail", help=DETAIL_HELP)] = None,
    data: Data = None,
) -> None:
    """Change how an application is told, or its name; calls that go on are told as before."""
    from onhook.cli import applications

    if form is None and name is None and detail is None:
        fail("Say what is to be another: --format, --detail or --name.")
    how = None if form is None else form.value
    says = None if detail is None else detail.value
    where = settings_of(data=data).data
    run(applications.update_application(where, app_id, how, name, says))
    if how is not None:
        print(f"The application {app_id} is told as {how} from now on.")
    if name is not None:
        print(f"The application {app_id} has another name.")
    if detail is not None:
        why = "why they ended" if detail is Detail.WHY else "nothing"
        print(f"The last notification of its calls says {why} in detail from now on.")


def remove_application(app_id: AppId, yes: Yes = False, data: Data = None) -> None:
    """Remove an application: its access tokens open nothing any more.

    It must have no numbers. Its calls that go on are not touched, and what was stored of calls stays.
    """
    from onhook.cli import applications

    confirm(f"The application {app_id} will be removed. Go on?", yes=yes)
    run(applications.remove_application(settings_of(data=data).data, app_id))
    print(f"The application {app_id} is removed.")


def show_all(
    found: Sequence[dict[str, object]], columns: Sequence[str], as_json: bool, none: str
) -> None:
    """Prints things as a table or as JSON; the sentence ``none`` where there is nothing."""
    if as_json:
        print(json.dumps(found))
    elif not found:
        print(none)
    else:
        from onhook.cli.tables import show_table

        show_table(columns, [[_text(one[column]) for column in columns] for one in found])


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
