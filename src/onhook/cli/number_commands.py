"""``onhook number list|show|set|update|move|remove``."""

import json
from typing import Annotated

import typer

from onhook.cli.application_commands import (
    MEDIA_HELP,
    NUMBER_DETAIL_HELP,
    NUMBER_FORMAT_HELP,
    NumberDetail,
    NumberFormat,
    show_all,
)
from onhook.cli.running import Data, Json, Yes, confirm, fail, run, settings_of

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="The number, e.g. +6531234567.")]
SetFormat = Annotated[NumberFormat | None, typer.Option("--format", help=NUMBER_FORMAT_HELP)]
SetDetail = Annotated[NumberDetail | None, typer.Option("--detail", help=NUMBER_DETAIL_HELP)]
SetMedia = Annotated[bool | None, typer.Option("--media/--no-media", help=MEDIA_HELP)]


def list_numbers(data: Data = None, as_json: Json = False) -> None:
    """List the numbers, their applications, and the URLs that are told of calls."""
    from onhook.cli import applications

    found = run(applications.list_numbers(settings_of(data=data).data))
    columns = ("number", "app_id", "application", "forward_to", "format", "detail")
    show_all(found, columns, as_json, "There is no number.")


def remove_number(number: Number, yes: Yes = False, data: Data = None) -> None:
    """Remove a number: calls to it are refused from now on. Calls that go on are not touched."""
    from onhook.cli import applications

    confirm(f"Calls to {number} will be refused. Go on?", yes=yes)
    run(applications.remove_a_number(settings_of(data=data).data, number))
    print(f"The number {number} is removed.")


def show_number(number: Number, data: Data = None, as_json: Json = False) -> None:
    """Show a number: its application, where its calls are told, and how."""
    from onhook.cli import applications

    found = run(applications.show_number(settings_of(data=data).data, number))
    if as_json:
        print(json.dumps(found))
        return
    from onhook.cli.moments import text_of
    from onhook.cli.tables import show_fields

    created = text_of(int(str(found.pop("created_ms"))), None)
    show_fields([*found.items(), ("created", created)])


def set_number(
    number: Number,
    forward_to: Annotated[
        str | None, typer.Option(help="The URL that is told of its calls.")
    ] = None,
    form: SetFormat = None,
    media: SetMedia = None,
    detail: SetDetail = None,
    allowed_networks: Annotated[
        str | None, typer.Option(help="The server's: without them, a warning may be wrong.")
    ] = None,
    data: Data = None,
) -> None:
    """Change where and how the calls of a number are told; calls that go on are told as before."""
    from onhook.cli import applications, forwarding

    how = None if form is None else form.stored
    says = None if detail is None else detail.stored
    if forward_to is None and how is None and media is None and says is None:
        fail("Say what is to be another: --forward-to, --format, --detail, --media or --no-media.")
    settings = settings_of(data=data, allowed_networks=allowed_networks)
    run(applications.set_number(settings.data, number, how, media, forward_to, says))
    if forward_to is not None:
        warning = run(forwarding.warning(number, forward_to, settings.allowed_networks))
        if warning:
            typer.echo(f"onhook: warning: {warning}", err=True)
        print(f"Calls to {number} are told to {forward_to} from now on.")
    if how is not None:
        print(f"Calls to {number} are told as {how or 'its application is'} from now on.")
    if media is not None:
        print(
            f"Calls to {number} are told {'with' if media else 'without'} their media from now on."
        )
    if says is not None:
        what = {"why": "why they ended", "none": "nothing"}.get(says, "what its application wants")
        print(f"The last notification of calls to {number} says {what} in detail from now on.")


def update_number(
    number: Number,
    form: SetFormat = None,
    media: SetMedia = None,
    detail: SetDetail = None,
    data: Data = None,
) -> None:
    """Change how the calls of a number are told, as `number set` does."""
    if form is None and media is None and detail is None:
        fail("Say what is to be another: --format, --detail, --media or --no-media.")
    set_number(number, None, form, media, detail, None, data)


def move_number(
    number: Number,
    application: Annotated[str, typer.Option("--app", help="The app_id of its new application.")],
    data: Data = None,
) -> None:
    """Give a number to another application; its URL stays. Calls that go on stay with the old one."""
    from onhook.cli import applications

    run(applications.move_number(settings_of(data=data).data, number, application))
    print(f"{number} rings for application {application} from now on.")
