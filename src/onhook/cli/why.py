"""What ``onhook calls why`` prints."""

import json
from dataclasses import asdict
from datetime import tzinfo
from pathlib import Path

from onhook.calls.story.story import story_of
from onhook.calls.why import Verdict
from onhook.cli.errors import CommandError
from onhook.cli.moments import text_of
from onhook.cli.opening import opened_store
from onhook.cli.tables import show_line, show_table


async def show_why(
    data: Path, session_or_txn_ref: str, zone: tzinfo | None, *, as_json: bool
) -> None:
    """Prints why a call ended, what to do, and what that rests on."""
    async with opened_store(data) as store:
        story = await story_of(store, data, session_or_txn_ref)
    if story is None:
        raise CommandError(f"There is no call {session_or_txn_ref!r}; see 'onhook calls find'.")
    if as_json:
        print(json.dumps({"session": story.report.call.session, **asdict(story.verdict)}))
        return
    _show(story.verdict, zone)


def _show(verdict: Verdict, zone: tzinfo | None) -> None:
    show_line(verdict.sentence)
    show_line()
    show_line(f"What to do: {verdict.advice}")
    show_line()
    show_table(
        ("when", "known from", "what"),
        [(text_of(one.at_ms, zone), one.source, one.text) for one in verdict.evidence],
    )
