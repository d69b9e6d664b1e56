"""``onhook calls`` and ``onhook notifications``: their options. What they do is in ``cli/reports.py``,
which is imported when one of them runs, with the store and with rich."""

import json
from datetime import tzinfo
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from onhook.cli.command_groups import group
from onhook.cli.moments import zone_named
from onhook.cli.running import Data, Json, fail, run, settings_of

call_commands = group("Calls, ended and going on.")
notification_commands = group("What applications were told, and sending it again.")


def zone_of(name: str | None) -> tzinfo | None:
    """The zone of ``--zone``; None is that of the terminal. One that is not known ends the command."""
    try:
        return zone_named(name)
    except ValueError as error:
        fail(f"--zone cannot be used: {error}")


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
    str | None,
    typer.Option(help="Only since then: 15m, 2h, 7d ago, or a date in ISO 8601, of the zone."),
]
Until = Annotated[str | None, typer.Option(help="Only before then: written like --since.")]
Zone = Annotated[
    str | None,
    typer.Option(
        help="Times are read and shown in this zone, e.g. Asia/Singapore or UTC. "
        "[default: the terminal's]"
    ),
]
AppId = Annotated[
    str | None, typer.Option("--app", help="Only of the application with this app_id.")
]
CallNumber = Annotated[
    str | None,
    typer.Option(
        "--number",
        help="Only with this number, whoever called: in E.164, or its last four digits or more.",
    ),
]
Limit = Annotated[int, typer.Option(min=1, max=1_000_000, help="The newest so many.")]


@call_commands.command("list")
def list_calls(
    session: Session = None,
    state: Annotated[CallState | None, typer.Option(help="Only in this state.")] = None,
    since: Since = None,
    until: Until = None,
    number: CallNumber = None,
    outcome: Annotated[
        str | None,
        typer.Option(
            help="Only with this outcome: answered, missed, or a cause, e.g. busy or media_lost."
        ),
    ] = None,
    trunk: Annotated[str | None, typer.Option(help="Only by this trunk.")] = None,
    app: AppId = None,
    limit: Limit = 50,
    zone: Zone = None,
    data: Data = None,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """List calls, the newest first. On a narrow terminal with fewer columns."""
    if as_json and as_csv:
        fail("Choose one of --json and --csv.")
    settings = settings_of(data=data)
    from onhook.cli import call_lists, reports

    where = zone_of(zone)

    async def work() -> None:
        which = reports.wanted(
            where,
            session=session,
            state=state.value if state else None,
            since=since,
            until=until,
            number=number,
            outcome=outcome,
            trunk=trunk,
            app=app,
            limit=limit,
        )
        form = "json" if as_json else "csv" if as_csv else "table"
        await call_lists.list_calls(settings.data, which, form, where)

    run(work())


@call_commands.command("find")
def find_calls(
    number: Annotated[
        str,
        typer.Argument(
            metavar="NUMBER", help="Who called or was called: in E.164, or its last digits."
        ),
    ],
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="14:03 (today, or yesterday if that is still to come), 2026-01-31T14:03, or a day.",
        ),
    ] = None,
    zone: Zone = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many.")] = 20,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Find the calls of a number: those of a day, the nearest to a time first; without --at the newest."""
    settings = settings_of(data=data)
    from onhook.cli import call_lists

    where = zone_of(zone)
    run(call_lists.find(settings.data, number, at, where, limit, as_json=as_json))


@call_commands.command("show")
def show_call(
    call: Annotated[str, typer.Argument(help="Its session or its txn_ref.")],
    zone: Zone = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show a call with its bill, its notifications and their attempts."""
    settings = settings_of(data=data)
    from onhook.cli import reports

    run(reports.show_call(settings.data, call, as_json, zone_of(zone)))


@call_commands.command("live")
def live_calls(
    number: CallNumber = None,
    trunk: Annotated[str | None, typer.Option(help="Only by this trunk.")] = None,
    app: AppId = None,
    every: Annotated[
        float, typer.Option("--every", min=0.2, max=60, help="Seconds until it is drawn anew.")
    ] = 1.0,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show the calls that go on, as a table that moves, until Ctrl-C; once, where that is no terminal."""
    settings = settings_of(data=data)
    from onhook.cli import live, reports

    async def work() -> None:
        which = reports.wanted(None, number=number, trunk=trunk, app=app, limit=10_000)
        await live.show_live(settings.data, which, every, as_json=as_json)

    run(work())


@call_commands.command("trace")
def trace_call(
    call: Annotated[str, typer.Argument(help="Its session or its txn_ref.")],
    messages: Annotated[
        bool, typer.Option("--messages", help="Below it every SIP message, whole.")
    ] = False,
    media: Annotated[
        bool, typer.Option("--media", help="Below it what the audio was like, every 5 s.")
    ] = False,
    pcap: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the SIP messages for Wireshark or sngrep instead."
        ),
    ] = None,
    zone: Zone = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Draw what passed between phones, Onhook and the application: SIP, requests, notifications, audio."""
    settings = settings_of(data=data)
    from onhook.cli import trace_shown

    where = zone_of(zone)
    work = trace_shown.show_trace(
        settings.data,
        call,
        where,
        as_json=as_json,
        messages=messages,
        media=media,
        capture=pcap,
    )
    run(work)


@call_commands.command("why")
def explain_call(
    call: Annotated[str, typer.Argument(help="Its session or its txn_ref.")],
    zone: Zone = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Say why a call ended: who ended it, by which message, what each side heard last, what to do."""
    settings = settings_of(data=data)
    from onhook.cli import why

    run(why.show_why(settings.data, call, zone_of(zone), as_json=as_json))


@notification_commands.command("list")
def list_notifications(
    session: Session = None,
    state: Annotated[NotificationState | None, typer.Option(help="Only in this state.")] = None,
    since: Since = None,
    until: Until = None,
    app: AppId = None,
    limit: Limit = 50,
    zone: Zone = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List notifications, the newest first."""
    settings = settings_of(data=data)
    from onhook.cli import reports

    where = zone_of(zone)

    async def work() -> None:
        which = reports.wanted(
            where,
            session=session,
            state=state.value if state else None,
            since=since,
            until=until,
            app=app,
            limit=limit,
        )
        await reports.list_notifications(settings.data, which, as_json, where)

    run(work())


@notification_commands.command("show")
def show_notification(
    notification: Annotated[str, typer.Argument(help="Its id, msg_…")],
    zone: Zone = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show a notification with its attempts."""
    settings = settings_of(data=data)
    from onhook.cli import reports

    run(reports.show_notification(settings.data, notification, as_json, zone_of(zone)))


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
