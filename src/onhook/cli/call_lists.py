"""What ``onhook calls list`` and ``onhook calls find`` print: many calls, a line each."""

import csv
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import tzinfo
from pathlib import Path

from onhook.calls.story import finding
from onhook.calls.story.finding import away_ms, trunk_of
from onhook.cli import moments
from onhook.cli.errors import CommandError
from onhook.cli.moments import Moment, text_of
from onhook.cli.opening import opened_store
from onhook.cli.tables import show_line, show_table, width
from onhook.store import CallRecord
from onhook.store.reports import Wanted, calls_during, find_calls

Fields = Mapping[str, object]

_COLUMNS = (
    *("began", "session", "state", "from", "to", "dest"),
    *("minutes", "debit", "ended by", "cause", "sip"),
)
_WIDE = 150
"""Characters a line that those take; where there are fewer, fewer are shown."""
_NOBODY = "There is no such call."
_INTERNAL = frozenset(
    {"owner", "dialog", "facts", "boot_id", "answered_mono_ms", "written_mono_ms", "going_on"}
)


def number_wanted(text: str) -> str:
    """A number as the store is asked for it. Raises :class:`CommandError`."""
    try:
        return finding.number_wanted(text)
    except finding.BadSearch as error:
        raise CommandError(str(error)) from error


def outcome_wanted(text: str) -> str:
    """``answered``, ``missed``, or the cause of an end. Raises :class:`CommandError`."""
    if text not in finding.OUTCOMES:
        known = ", ".join(finding.OUTCOMES)
        raise CommandError(f"--outcome cannot be used: {text[:40]!r} is none of {known}.")
    return text


async def list_calls(data: Path, which: Wanted, form: str, zone: tzinfo | None) -> None:
    """Prints calls as a table, or in the ``form`` of ``json`` or ``csv``."""
    async with opened_store(data) as store:
        found = await find_calls(store, which)
    if form == "json":
        print(json.dumps([call_fields(call) for call in found]))
    elif form == "csv":
        _print_csv([call_fields(call) for call in found])
    elif not found:
        show_line(_NOBODY)
    elif width() < _WIDE:
        _show_narrow(found, zone)
    else:
        show_table(_COLUMNS, [_wide_row(call, zone) for call in found])


async def find(
    data: Path, number: str, at: str | None, zone: tzinfo | None, limit: int, *, as_json: bool
) -> None:
    """Prints the calls of a number: those of a day, the nearest to a moment of it first; or the newest."""
    which = Wanted(number=number_wanted(number), limit=limit)
    if at is None:
        await list_calls(data, which, "json" if as_json else "table", zone)
        return
    try:
        moment = moments.around(at, _now_ms(), zone)
    except ValueError as error:
        raise CommandError(f"--at cannot be used: {error}") from error
    async with opened_store(data) as store:
        every = replace(which, limit=finding.OF_A_DAY)
        found = await calls_during(store, every, moment.day_ms, moment.day_over_ms)
    nearest = sorted(found, key=lambda call: abs(away_ms(call, moment)))[:limit]
    if as_json:
        print(
            json.dumps([{**call_fields(call), "away_s": _away_s(call, moment)} for call in nearest])
        )
        return
    show_line(moments.day_of(moment.from_ms, zone))
    if not nearest:
        show_line(_NOBODY)
        return
    columns = ("began", "ended", "session", "from", "to", "ended by")
    show_table(columns, [_found_row(call, zone) for call in nearest], between=1)


def call_fields(call: CallRecord) -> Fields:
    """A call's record for other programs, without what only the server itself can use."""
    told = {
        "trunk": trunk_of(call),
        "sip_reason": call.facts.sip_reason,
        "srtp": call.facts.srtp,
        "operator": call.facts.operator,
    }
    return {name: value for name, value in asdict(call).items() if name not in _INTERNAL} | told


def _away_s(call: CallRecord, moment: Moment) -> float:
    return round(away_ms(call, moment) / 1000, 3)


def _wide_row(call: CallRecord, zone: tzinfo | None) -> Sequence[object]:
    over = call.ended_ms is not None
    return (
        text_of(call.began_ms, zone),
        call.session,
        call.state,
        call.from_number,
        call.to_number,
        call.dest_number,
        call.minutes if over else "",
        f"{call.currency} {call.debit}" if over else "",
        call.ended_by,
        call.cause,
        call.sip_code,
    )


def _show_narrow(found: Sequence[CallRecord], zone: tzinfo | None) -> None:
    """Within 80 columns; `calls show` has the rest."""
    columns = ("began", "session", "from", "to", "ended by")
    rows = [(moments.day_and_time(call.began_ms, zone), *_who(call)) for call in found]
    show_table(columns, rows, between=1)


def _found_row(call: CallRecord, zone: tzinfo | None) -> Sequence[object]:
    began, ended = (moments.time_of_day(at_ms, zone) for at_ms in (call.began_ms, call.ended_ms))
    return began, ended, *_who(call)


def _who(call: CallRecord) -> Sequence[object]:
    other = call.dest_number if call.direction == "out" else call.to_number
    end = f"{call.ended_by} {call.cause}" if call.ended_ms is not None else f"({call.state})"
    return call.session, call.from_number, other, end


def _print_csv(rows: Sequence[Fields]) -> None:
    """RFC 4180, with a line of names even if there is nothing else."""
    names = list(call_fields(_NO_CALL))
    writer = csv.DictWriter(sys.stdout, names)
    writer.writeheader()
    writer.writerows(rows)


def _now_ms() -> int:
    return round(time.time() * 1000)


_NO_CALL = CallRecord("", "", "", "", "", "", "", 0, "", "")
