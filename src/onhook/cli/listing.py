"""``onhook calls`` and ``onhook notifications``: their options. What they do is in ``cli/reports.py``,
which is imported when one of them runs, with the store and with rich."""

import json
from enum import StrEnum
from typing import Annotated

import typer

from onhook.cli.running import Data, Json, fail, run, settings_of

call_commands = typer.Typer(help="Calls, ended and going on.", no_args_is_help=True)
notification_commands = typer.Typer(
    help="What applications were told, and sending it again.", no_args_is_help=True
)


class CallState(StrEnum):
    """Those of `onhook.call.State`, which would take as long to import as all of this command."""

    DIALLING = "dialling"
    RINGING = "ringing"
    WAITING = "waiting"
    PREPARING = "preparing"
    RUNNING = "running"
    HELD = "held"
    ENDING = "ending"
    CLOSING = "closing"
    ENDED = "ended"


class NotificationState(StrEnum):
    """Where a notification stands; `replay` was asked for and not yet taken by a server."""

    PENDING = "pending"
    REPLAY = "replay"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


Session = Annotated[str | None, typer.Option(help="Only of this session.")]
Since = Annotated[
    str | None, typer.Option(help="Only since then: 15m, 2h, 7d ago, or a date in ISO 8601 (UTC).")
]
AppId = Annotated[
    str | None, typer.Option("--app", help="Only of the application with this app_id.")
]
Limit = Annotated[int, typer.Option(min=1, max=1_000_000, help="The newest so many.")]


@call_commands.command("list")
def list_calls(
    session: Session = None,
    state: Annotated[CallState | None, typer.Option(help="Only in this state.")] = None,
    since: Since = None,
    app: AppId = None,
    limit: Limit = 50,
    data: Data = None,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """List calls, the newest first."""
    if as_json and as_csv:
        fail("Choose one of --json and --csv.")
    settings = settings_of(data=data)
    from onhook.cli import reports

    async def work() -> None:
        which = reports.wanted(session, state.value if state else None, since, app, limit)
        await reports.list_calls(
            settings.data, which, "json" if as_json else "csv" if as_csv else "table"
        )

    run(work())


@call_commands.command("show")
def show_call(
    call: Annotated[str, typer.Argument(help="Its session or its txn_ref.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show a call with its bill, its notifications and their attempts."""
    settings = settings_of(data=data)
    from onhook.cli import reports

    run(reports.show_call(settings.data, call, as_json))


@notification_commands.command("list")
def list_notifications(
    session: Session = None,
    state: Annotated[NotificationState | None, typer.Option(help="Only in this state.")] = None,
    since: Since = None,
    app: AppId = None,
    limit: Limit = 50,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List notifications, the newest first."""
    settings = settings_of(data=data)
    from onhook.cli import reports

    async def work() -> None:
        which = reports.wanted(session, state.value if state else None, since, app, limit)
        await reports.list_notifications(settings.data, which, as_json)

    run(work())


@notification_commands.command("show")
def show_notification(
    notification: Annotated[str, typer.Argument(help="Its id, msg_…")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show a notification with its attempts."""
    settings = settings_of(data=data)
    from onhook.cli import reports

    run(reports.show_notification(settings.data, notification, as_json))


@notification_commands.command("replay")
def replay_notification(
    notification: Annotated[str, typer.Argument(help="Its id, msg_…")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Send a delivered or given-up notification once more, under the same id."""
    settings = settings_of(data=data)
    from onhook.cli import reports

    run(reports.replay_notification(settings.data, notification))
    if as_json:
        print(json.dumps({"notification_id": notification, "state": "replay"}))
        return
    print(f"{notification} goes out at once, or when the server starts.")
