"""What ``onhook tail`` prints: what happens to calls, as it happens."""

import asyncio
import json
import time
from collections.abc import Collection
from dataclasses import asdict, replace
from datetime import tzinfo
from pathlib import Path

from onhook.cli.happenings import Happening, Watch
from onhook.cli.moments import time_of_day
from onhook.cli.opening import opened_store
from onhook.store.following import stirring
from onhook.store.reports import Wanted

EVERY_S = 0.5
_MOST = 100_000
_LATE_MS = 5_000
"""What is written later than that after it happened is not found by its time."""


async def follow(
    data: Path, which: Wanted, kinds: Collection[str], zone: tzinfo | None, *, as_json: bool
) -> None:
    """Prints a line for each thing that happens to the calls that are wanted, until Ctrl-C.

    What was before is printed where ``which`` says since when.
    """
    watch, from_ms = Watch(), which.since_ms or _now_ms()
    which, since_ms = replace(which, since_ms=None, limit=_MOST), from_ms
    async with opened_store(data) as store:
        while True:
            known = watch.unsettled(since_ms)
            for one in watch.news(await stirring(store, which, since_ms, known)):
                if one.at_ms >= from_ms and one.kind in kinds:
                    print(_line(one, zone, as_json), flush=True)
            since_ms = _now_ms() - _LATE_MS
            await asyncio.sleep(EVERY_S)


def _line(one: Happening, zone: tzinfo | None, as_json: bool) -> str:
    if as_json:
        return json.dumps(asdict(one))
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in one.text)
    return f"{time_of_day(one.at_ms, zone)} {one.session} {one.kind:<12} {text}"


def _now_ms() -> int:
    return round(time.time() * 1000)
