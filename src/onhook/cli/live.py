"""What ``onhook calls live`` shows: the calls that go on, drawn anew again and again."""

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path

from onhook.calls.why import known
from onhook.cli.call_lists import call_fields
from onhook.cli.opening import opened_store
from onhook.cli.tables import is_terminal, moving_table, show_line, show_table
from onhook.store import CallRecord, Store
from onhook.store.following import live_calls
from onhook.store.reports import Wanted

_COLUMNS = ("for", "session", "state", "block", "from", "to")


async def show_live(data: Path, which: Wanted, every_s: float, *, as_json: bool) -> None:
    """Shows them until Ctrl-C; once, where the output is no terminal, or as JSON."""
    async with opened_store(data) as store:
        if as_json:
            print(json.dumps([call_fields(call) for call in await live_calls(store, which)]))
        elif not is_terminal():
            found = await live_calls(store, which)
            if found:
                show_table(_COLUMNS, _rows(found), between=1)
            else:
                show_line("No call goes on.")
        else:
            await _move(store, which, every_s)


async def _move(store: Store, which: Wanted, every_s: float) -> None:
    with moving_table(_COLUMNS) as draw:
        while True:
            found = await live_calls(store, which)
            go_on = "1 call goes on" if len(found) == 1 else f"{len(found)} calls go on"
            draw(_rows(found), f"{go_on}; Ctrl-C ends this")
            await asyncio.sleep(every_s)


def _rows(found: Sequence[CallRecord]) -> list[Sequence[object]]:
    now_ms = round(time.time() * 1000)
    return [
        (
            known.spoken((now_ms - call.began_ms) / 1000),
            call.session,
            call.state,
            call.contact_block,
            call.from_number,
            call.dest_number if call.direction == "out" else call.to_number,
        )
        for call in found
    ]
