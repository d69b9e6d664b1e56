"""Live calls for browsers: what changed, and no more; nothing while nobody looks."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from onhook.console.live_feed import EVERY_S, LiveFeed
from onhook.store import CallRecord
from store.samples import call as call_record


async def _no_names() -> Mapping[str, str]:
    return {}


async def _may() -> bool:
    return True


class Calls:
    """Calls that go on, and how often they were asked for."""

    def __init__(self, count: int) -> None:
        self.records = {
            f"S{n}": replace(call_record(f"S{n}"), state="ringing") for n in range(count)
        }
        self.asked = 0

    def __call__(self) -> Sequence[CallRecord]:
        self.asked += 1
        return list(self.records.values())

    def move(self, session: str, **changes: object) -> None:
        self.records[session] = self.records[session].changed(changes)


async def _event(stream: AsyncGenerator[str, None]) -> tuple[str, dict[str, Any]]:
    """The next one that says something of calls."""
    while True:
        said = dict(line.split(": ", 1) for line in (await anext(stream)).strip().splitlines())
        if said.get("event") in ("whole", "change"):
            return said["event"], json.loads(said["data"])


async def test_nobody_looks_and_nothing_is_done() -> None:
    calls = Calls(3)
    feed = LiveFeed(calls, None, _no_names)
    stream = feed.stream(_may)
    await _event(stream)
    await stream.aclose()
    asked = calls.asked
    await asyncio.sleep(2 * EVERY_S)
    assert calls.asked == asked


async def test_only_what_moved_is_said() -> None:
    calls = Calls(500)
    feed = LiveFeed(calls, None, _no_names)
    stream = feed.stream(_may)
    kind, told = await _event(stream)
    assert (kind, told["total"]) == ("whole", 500)
    calls.move("S7", state="running", contact_block="play", written_ms=77)
    calls.move("S8", sequence=4)  # nothing that a row shows
    del calls.records["S9"]
    kind, told = await _event(stream)
    assert kind == "change"
    assert [row[0] for row in told["rows"]] == ["S7"]
    assert told["rows"][0][5:7] == ["running", "play"]
    assert told["rows"][0][8] == 77
    assert (told["gone"], told["total"]) == (["S9"], 499)
    await stream.aclose()


async def test_a_browser_that_does_not_read_gets_all_anew_and_no_queue_grows() -> None:
    calls = Calls(5)
    feed = LiveFeed(calls, None, _no_names)
    slow, quick = feed.stream(_may), feed.stream(_may)
    await _event(slow)
    await _event(quick)
    for turn in range(12):
        calls.move("S1", contact_block=f"block {turn}")
        kind, told = await _event(quick)
        assert kind == "change"
        assert told["rows"][0][6] == f"block {turn}"
    kind, told = await _event(slow)
    assert kind == "whole"
    assert [row[6] for row in told["rows"] if row[0] == "S1"] == ["block 11"]
    calls.move("S1", contact_block="on again")
    kind, told = await _event(slow)
    assert (kind, told["rows"][0][6]) == ("change", "on again")
    await slow.aclose()
    await quick.aclose()


async def test_names_that_become_known_are_said() -> None:
    calls, names = Calls(1), {calls_app: "shop"} if (calls_app := call_record("S0").app_id) else {}

    async def known() -> Mapping[str, str]:
        return names

    feed = LiveFeed(calls, None, known)
    rows, total = await feed.rows()
    assert ([row[4] for row in rows], total) == (["shop"], 1)


async def test_streams_end_when_the_process_does() -> None:
    feed = LiveFeed(Calls(1), None, _no_names)
    stream = feed.stream(_may)
    await _event(stream)
    feed.close()
    assert [said async for said in stream] == []


async def test_calls_of_other_workers_are_shown_too() -> None:
    other = replace(call_record("elsewhere"), owner="other")

    async def elsewhere() -> Sequence[CallRecord]:
        return [other]

    feed = LiveFeed(Calls(1), elsewhere, _no_names)
    rows, total = await feed.rows()
    assert ([row[0] for row in rows], total) == (["S0", "elsewhere"], 2)
