"""What ``onhook calls`` and ``onhook notifications`` read, show and ask for."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import tzinfo
from pathlib import Path
from typing import TypedDict, Unpack

from onhook.calls.story.finding import trunk_of
from onhook.calls.untold import untold_links
from onhook.cli.call_lists import call_fields, number_wanted, outcome_wanted
from onhook.cli.errors import CommandError
from onhook.cli.media import media_lines, media_values
from onhook.cli.moments import day_and_time, since_ms, text_of
from onhook.cli.noting import note
from onhook.cli.opening import opened_store
from onhook.cli.tables import show_fields, show_line, show_table, width
from onhook.store import AttemptRecord, CallRecord, RefusedRequest, StoredNotification
from onhook.store.records import MAIN_ACCOUNT
from onhook.store.reports import (
    CallReport,
    NotificationReport,
    Wanted,
    ask_for_replay,
    call_report,
    find_notifications,
    notification_report,
)

Fields = Mapping[str, object]

_WIDE = 190
"""Characters a line that all columns of notifications take; where there are fewer, fewer are shown."""


class Filters(TypedDict, total=False):
    """Which calls or notifications; None is any."""

    session: str | None
    state: str | None
    since: str | None
    until: str | None
    app: str | None
    limit: int
    number: str | None
    outcome: str | None
    trunk: str | None


def wanted(zone: tzinfo | None, **filters: Unpack[Filters]) -> Wanted:
    """The filters as they were written on the command line; dates are of the zone."""
    number, outcome = filters.get("number"), filters.get("outcome")
    return Wanted(
        session=filters.get("session"),
        state=filters.get("state"),
        app_id=filters.get("app"),
        since_ms=_moment("--since", filters.get("since"), zone),
        limit=filters.get("limit", 50),
        until_ms=_moment("--until", filters.get("until"), zone),
        number=None if number is None else number_wanted(number),
        outcome=None if outcome is None else outcome_wanted(outcome),
        trunk=filters.get("trunk"),
    )


def _moment(option: str, text: str | None, zone: tzinfo | None) -> int | None:
    try:
        return None if text is None else since_ms(text, _now_ms(), zone)
    except ValueError as error:
        raise CommandError(f"{option} cannot be used: {error}") from error


# Calls ----------------------------------------------------------------------------------------------


async def show_call(
    data: Path, session_or_txn_ref: str, as_json: bool, zone: tzinfo | None
) -> None:
    """Prints a call with its bill, its notifications and their attempts."""
    async with opened_store(data) as store:
        report = await call_report(store, session_or_txn_ref)
    if report is None:
        raise CommandError(f"There is no call {session_or_txn_ref!r}; see 'onhook calls list'.")
    if as_json:
        notifications = [_report_fields(one) for one in report.notifications]
        refused = [_without(one, "session") for one in report.refused]
        told = {"notifications": notifications, "refused": refused}
        media = media_values(report.call.facts)
        _print_json({**call_fields(report.call), **_untold(report), **media, **told})
        return
    _show_call(report, zone)


def _show_call(report: CallReport, zone: tzinfo | None) -> None:
    call = report.call
    show_fields(
        [
            ("session", call.session),
            ("txn_ref", call.txn_ref),
            ("application", call.app_id),
            ("account", "" if call.account_id == MAIN_ACCOUNT else call.account_id),
            ("from", call.from_number),
            ("from name", dict(call.facts.always).get("from_name")),
            ("trunk", trunk_of(call)),
            ("to", call.to_number),
            ("dest", call.dest_number),
            ("tag", call.tag),
            ("state", call.state),
            ("began", text_of(call.began_ms, zone)),
            ("answered", text_of(call.answered_ms, zone)),
            ("ended", text_of(call.ended_ms, zone)),
            ("ended by", call.ended_by),
            ("hung up by operator", call.facts.operator),
            ("cause", call.cause),
            ("sip cause", call.sip_cause),
            ("sip code", call.sip_code),
            ("sip reason", call.facts.sip_reason),
            ("encrypted", call.facts.srtp),
            *_untold(report).items(),
            ("received", _received(call)),
        ]
    )
    if call.ended_ms is not None:
        show_line()
        show_fields(_bill(call))
    if call.facts.media:
        show_line()
        show_fields(media_lines(call.facts))
    for one in report.notifications:
        show_line()
        _show_notification(one, zone)
    if report.refused:
        show_line()
        show_table(
            ("refused", "request", "status", "times", "because"),
            [
                (text_of(one.at_ms, zone), one.path, one.status, one.times, one.detail)
                for one in report.refused
            ],
        )


def _received(call: CallRecord) -> str:
    """Of a call that the network ended, which ended when its phone was last known to be there."""
    received_s = call.facts.received_s
    return f"the first {received_s} s, says its phone" if received_s else ""


def _bill(call: CallRecord) -> Sequence[tuple[str, object]]:
    steps = f"{call.initial_s} s, then by {call.increment_s} s"
    return [
        ("lasted", f"{call.duration_ms / 1000:.3f} s"),
        ("billed", f"{call.billed_s} s ({steps}); {call.minutes} min"),
        ("rate", f"{call.currency} {call.rate} a minute"),
        ("debit", f"{call.currency} {call.debit}"),
    ]


# Notifications --------------------------------------------------------------------------------------


async def list_notifications(data: Path, which: Wanted, as_json: bool, zone: tzinfo | None) -> None:
    """Prints notifications as a table or as JSON."""
    async with opened_store(data) as store:
        found = await find_notifications(store, which)
    if as_json:
        _print_json([_notification_fields(one) for one in found])
        return
    if not found:
        show_line("There is no such notification.")
        return
    if width() < _WIDE:
        _show_narrow(found, zone)
        return
    show_table(
        ("made", "id", "session", "event", "state", "attempts", "next attempt", "url"),
        [
            (
                text_of(one.created_ms, zone),
                one.notification_id,
                one.session,
                one.sequence,
                one.state,
                one.attempts,
                text_of(one.next_ms, zone),
                one.url.text,
            )
            for one in found
        ],
    )


def _show_narrow(found: Sequence[StoredNotification], zone: tzinfo | None) -> None:
    """Within 80 columns; `notifications show` has the rest."""
    rows = [
        (
            day_and_time(one.created_ms, zone),
            one.notification_id,
            one.state,
            one.attempts,
            f"{one.fields.get('ivr_block', '')} {one.fields.get('call_state', '')}",
        )
        for one in found
    ]
    show_table(("made", "id", "state", "tries", "of"), rows, between=1)


async def show_notification(
    data: Path, notification_id: str, as_json: bool, zone: tzinfo | None
) -> None:
    """Prints a notification, its fields and its attempts."""
    async with opened_store(data) as store:
        report = await notification_report(store, notification_id)
    if report is None:
        raise _no_notification(notification_id)
    if as_json:
        _print_json(_report_fields(report))
        return
    _show_notification(report, zone)
    show_line()
    show_fields(report.notification.fields.items())


async def replay_notification(data: Path, notification_id: str) -> None:
    """Has a delivered or given-up notification sent once more, under the same id."""
    async with opened_store(data) as store:
        noted = note("notifications replay", notification_id)
        if await ask_for_replay(store, notification_id, _now_ms(), noted):
            return
        if await notification_report(store, notification_id) is None:
            raise _no_notification(notification_id)
    raise CommandError(
        f"The notification {notification_id} is still pending: it goes out by itself."
    )


def _no_notification(notification_id: str) -> CommandError:
    return CommandError(
        f"There is no notification {notification_id!r}; see 'onhook notifications list'."
    )


def _show_notification(report: NotificationReport, zone: tzinfo | None) -> None:
    one = report.notification
    show_fields(
        [
            ("notification", one.notification_id),
            ("session", one.session),
            ("event", one.sequence),
            ("url", one.url.text),
            ("made", text_of(one.created_ms, zone)),
            ("state", one.state),
            ("next attempt", text_of(one.next_ms, zone)),
        ]
    )
    if report.attempts:
        show_table(
            ("attempt", "at", "took", "status", "error"),
            [_tried(attempt, zone) for attempt in report.attempts],
        )


def _tried(attempt: AttemptRecord, zone: tzinfo | None) -> Sequence[object]:
    at, took = text_of(attempt.at_ms, zone), f"{attempt.duration_ms} ms"
    return attempt.number, at, took, attempt.status, attempt.error


# For other programs ---------------------------------------------------------------------------------


def _untold(report: CallReport) -> Fields:
    """The links to recordings of which nobody was told."""
    return untold_links(report.call, [one.notification for one in report.notifications])


def _notification_fields(one: StoredNotification) -> Fields:
    return {**asdict(one), "url": one.url.text}


def _report_fields(report: NotificationReport) -> Fields:
    tried = [_without(attempt, "notification_id") for attempt in report.attempts]
    return {**_notification_fields(report.notification), "tried": tried}


def _without(record: AttemptRecord | RefusedRequest, name: str) -> Fields:
    """A record that is shown below the one that it belongs to."""
    return {field: value for field, value in asdict(record).items() if field != name}


def _print_json(value: object) -> None:
    print(json.dumps(value))


def _now_ms() -> int:
    return round(time.time() * 1000)
