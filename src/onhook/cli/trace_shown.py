"""What ``onhook calls trace`` prints: the ladder of a call, its messages for other programs, or a capture."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from onhook.calls.story.audio import Stretch, as_fields, audio_of
from onhook.calls.story.steps import steps_of
from onhook.cli.errors import CommandError
from onhook.cli.ladder import ladder
from onhook.cli.opening import opened_store
from onhook.cli.pcap import pcap
from onhook.cli.tables import show_table, width
from onhook.store.reports import CallReport, call_report
from onhook.store.traces import Entry, read_trace


async def show_trace(
    data: Path,
    session_or_txn_ref: str,
    zone: tzinfo | None,
    *,
    as_json: bool,
    messages: bool,
    media: bool,
    capture: Path | None,
) -> None:
    """Prints the ladder, or JSON; with ``messages`` every SIP message too, with ``media`` what the audio was
    like; ``capture`` is a file to write."""
    async with opened_store(data) as store:
        report = await call_report(store, session_or_txn_ref)
    if report is None:
        raise CommandError(f"There is no call {session_or_txn_ref!r}; see 'onhook calls find'.")
    entries = _entries(data, report)
    if capture is not None:
        _write(capture, entries)
        return
    steps = steps_of(report, entries)
    if as_json:
        found = [asdict(step) for step in steps]
        audio = [as_fields(one) for one in audio_of(entries)]
        print(json.dumps({"session": report.call.session, "steps": found, "media": audio}))
        return
    for line in ladder(steps, width(), lambda at_us: _time(at_us, zone)):
        print(line)
    for step in steps if messages else ():
        if step.message:
            print(f"\n--- {_time(step.at_us, zone)} {step.of} > {step.to}")
            print(_printable(step.message))
    if media:
        _show_media(audio_of(entries), zone)


def _entries(data: Path, report: CallReport) -> Sequence[Entry]:
    try:
        entries = read_trace(data, report.call.session)
    except sqlite3.Error as error:
        raise CommandError(f"The traces in {data} cannot be read: {error}.") from error
    if not entries:
        raise CommandError(
            "There is no trace of this call: it is older than --trace-days, was over before traces were "
            "kept, or is of a server with another data directory."
        )
    return entries


def _write(file: Path, entries: Sequence[Entry]) -> None:
    try:
        with file.open("xb") as capture:
            file.chmod(0o600)
            capture.write(pcap(entries))
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror}.") from error
    print(f"{file}: {sum(one.kind.startswith('sip-') for one in entries)} messages.")


def _show_media(audio: Sequence[Stretch], zone: tzinfo | None) -> None:
    """A line for each five seconds of each leg."""
    if not audio:
        print("\nOf its audio nothing was kept: it was shorter than five seconds, or had none.")
        return
    print()
    columns = ("time", "leg", "received", "lost", "jitter ms", "MOS", "sent", "lost", "MOS")
    show_table(columns, [(_time(one.at_us, zone), one.leg, *_each_way(one)) for one in audio])


def _each_way(one: Stretch) -> tuple[object, ...]:
    came, went = one.quality.received, one.quality.sent
    there = ("", "") if went is None else (went.lost, went.mos)
    return came.packets, came.lost, came.jitter_ms, came.mos, one.quality.sent_packets, *there


def _time(at_us: int, zone: tzinfo | None) -> str:
    at = datetime.fromtimestamp(at_us / 1_000_000, UTC).astimezone(zone)
    return f"{at:%H:%M:%S}.{at.microsecond // 1000:03}"


def _printable(message: str) -> str:
    text = message.replace("\r\n", "\n")
    return "".join(
        char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text
    )
