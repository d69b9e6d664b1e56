"""All that is known of one call, for one page: why it ended, what passed, what it sounded like."""

import asyncio
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from onhook.calls.story.audio import Stretch, audio_of
from onhook.calls.story.steps import Step, steps_of
from onhook.calls.why import Evidence, Verdict, verdict_of
from onhook.store import Store
from onhook.store.reports import CallReport, call_report
from onhook.store.traces import Entry, read_trace

_MESSAGES = 12
"""So many of the last ones are evidence."""


@dataclass(frozen=True, slots=True)
class Story:
    """A call, as it is now. Without a trace there are no messages, requests, keys and figures in it."""

    report: CallReport
    verdict: Verdict
    steps: Sequence[Step]
    audio: Sequence[Stretch]
    traced: bool


async def story_of(store: Store, data: Path, session_or_txn_ref: str) -> Story | None:
    """The story of a call; None if there is none such. Raises StoreError."""
    report = await call_report(store, session_or_txn_ref)
    if report is None:
        return None
    entries = await asyncio.to_thread(_trace, data, report.call.session)
    steps = steps_of(report, entries)
    verdict = verdict_of(report, messages_of(steps))
    return Story(report, verdict, steps, audio_of(entries), bool(entries))


def messages_of(steps: Sequence[Step]) -> Sequence[Evidence]:
    """The last SIP messages of its phones, as evidence: by which message it ended."""
    messages = [step for step in steps if step.kind == "sip"]
    return [
        Evidence(step.at_us // 1000, "sip", f"{step.of} > {step.to}: {step.text}")
        for step in messages[-_MESSAGES:]
    ]


def _trace(data: Path, session: str) -> Sequence[Entry]:
    """A file that cannot be read makes a story shorter, and no error."""
    try:
        return read_trace(data, session)
    except sqlite3.Error:
        return ()
