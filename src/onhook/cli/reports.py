"""What ``onhook calls`` and ``onhook notifications`` read, show and ask for."""

import csv
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from onhook.calls.untold import untold_links
from onhook.cli.errors import CommandError
from onhook.cli.media import media_lines, media_values
from onhook.cli.moments import since_ms, text_of
from onhook.cli.opening import opened_store
from onhook.cli.tables import show_fields, show_line, show_table
from onhook.store import AttemptRecord, CallRecord, RefusedRequest, StoredNotification
from onhook.store.records import MAIN_ACCOUNT
from onhook.store.reports import (
    CallReport,
    NotificationReport,
    Wanted,
    ask_for_replay,
    call_report,
    find_calls,
    find_notifications,
    notification_report,
)

Fields = Mapping[str, object]

_COLUMNS = (
    *("began", "session", "state", "from", "to", "dest"),
    *("minutes", "debit", "ended by", "cause", "sip"),
)
_INTERNAL = frozenset(
    {"owner", "dialog", "facts", "boot_id", "answered_mono_ms", "written_mono_ms"}
)


def wanted(
    session: str | None, state: str | None, since: str | None, app: str | None, limit: int
) -> Wanted:
    """The filters as they were written on the command line."""
    try:
        since_at_ms = None if since is None else since_ms(since, _now_ms())
    except ValueError as error:
        raise CommandError(f"--since cannot be used: {error}") from error
    return Wanted(session, state, app, since_at_ms, limit)


# Calls ----------------------------------------------------------------------------------------------


async def list_calls(data: Path, which: Wanted, form: str) -> None:
    """Prints calls as a table, or in the ``form`` of ``json`` or ``csv``."""
    async with opened_store(data) as store:
        found = await find_calls(store, which)
    if form == "json":
        _print_json([_call_fields(call) for call in found])
    elif form == "csv":
        _print_csv([_call_fields(call) for call in found])
    else:
        show_table(
            _COLUMNS,
            [
                (
                    text_of(call.began_ms),
                    call.session,
                    call.state,
                    call.from_number,
                    call.to_number,
                    call.dest_number,
                    call.minutes if call.ended_ms is not None else "",
                    f"{call.currency} {call.debit}" if call.ended_ms is not None else "",
                    call.ended_by,
                    call.cause,
                    call.sip_code,
                )
                for call in found
            ],
        )


async def show_call(data: Path, session_or_txn_ref: str, as_json: bool) -> None:
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
        _print_json({**_call_fields(report.call), **_untold(report), **media, **told})
        return
    _show_call(report)


def _show_call(report: CallReport) -> None:
    call = report.call
    show_fields(
        [
            ("session", call.session),
            ("txn_ref", call.txn_ref),
            ("application", call.app_id),
            ("account", "" if call.account_id == MAIN_ACCOUNT else call.account_id),
            ("from", call.from_number),
            ("from name", dict(call.facts.always).get("from_name")),
            ("trunk", dict(call.facts.always).get("trunk")),
            ("to", call.to_number),
            ("dest", call.dest_number),
            ("tag", call.tag),
            ("state", call.state),
            ("began", text_of(call.began_ms)),
            ("answered", text_of(call.answered_ms)),
            ("ended", text_of(call.ended_ms)),
            ("ended by", call.ended_by),
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
        _show_notification(one)
    if report.refused:
        show_line()
        show_table(
            ("refused", "request", "status", "times", "because"),
            [
                (text_of(one.at_ms), one.path, one.status, one.times, one.detail)
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


async def list_notifications(data: Path, which: Wanted, as_json: bool) -> None:
    """Prints notifications as a table or as JSON."""
    async with opened_store(data) as store:
        found = await find_notifications(store, which)
    if as_json:
        _print_json([_notification_fields(one) for one in found])
        return
    show_table(
        ("made", "id", "session", "event", "state", "attempts", "next attempt", "url"),
        [
            (
                text_of(one.created_ms),
                one.notification_id,
                one.session,
                one.sequence,
                one.state,
                one.attempts,
                text_of(one.next_ms),
                one.url.text,
            )
            for one in found
        ],
    )


async def show_notification(data: Path, notification_id: str, as_json: bool) -> None:
    """Prints a notification, its fields and its attempts."""
    async with opened_store(data) as store:
        report = await notification_report(store, notification_id)
    if report is None:
        raise _no_notification(notification_id)
    if as_json:
        _print_json(_report_fields(report))
        return
    _show_notification(report)
    show_line()
    show_fields(report.notification.fields.items())


async def replay_notification(data: Path, notification_id: str) -> None:
    """Has a delivered or given-up notification sent once more, under the same id."""
    async with opened_store(data) as store:
        if await ask_for_replay(store, notification_id, _now_ms()):
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


def _show_notification(report: NotificationReport) -> None:
    one = report.notification
    show_fields(
        [
            ("notification", one.notification_id),
            ("session", one.session),
            ("event", one.sequence),
            ("url", one.url.text),
            ("made", text_of(one.created_ms)),
            ("state", one.state),
            ("next attempt", text_of(one.next_ms)),
        ]
    )
    if report.attempts:
        show_table(
            ("attempt", "at", "took", "status", "error"),
            [_tried(attempt) for attempt in report.attempts],
        )


def _tried(attempt: AttemptRecord) -> Sequence[object]:
    at, took = text_of(attempt.at_ms), f"{attempt.duration_ms} ms"
    return attempt.number, at, took, attempt.status, attempt.error


# For other programs ---------------------------------------------------------------------------------


def _call_fields(call: CallRecord) -> Fields:
    """A call's record, without what only the server itself can use."""
    told = {
        "trunk": dict(call.facts.always).get("trunk", ""),
        "sip_reason": call.facts.sip_reason,
        "srtp": call.facts.srtp,
    }
    return {name: value for name, value in asdict(call).items() if name not in _INTERNAL} | told


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


def _print_csv(rows: Sequence[Fields]) -> None:
    """RFC 4180, with a line of names even if there is nothing else."""
    names = list(_call_fields(_NO_CALL))
    writer = csv.DictWriter(sys.stdout, names)
    writer.writeheader()
    writer.writerows(rows)


def _now_ms() -> int:
    return round(time.time() * 1000)


_NO_CALL = CallRecord("", "", "", "", "", "", "", 0, "", "")
