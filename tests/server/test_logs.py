"""The log can be read by a program, and nobody outside decides how long it gets."""

import json
import subprocess
import sys

import pytest
import structlog
from structlog.typing import EventDict

from onhook.server.logs import ALIKE, AT_ONCE, MAX_PEERS, ONE_PEERS_S, WITHIN_S, Spared

LIBRARIES = """
import asyncio, logging, warnings
import structlog
from onhook.server.logs import configure_logs
configure_logs('switch')
async def fail(): raise ValueError("as a test wants it")
async def main():
    task = asyncio.create_task(fail())
    await asyncio.sleep(0)
    del task
asyncio.run(main())
warnings.warn("old")
for number in range(100):
    logging.getLogger("library").warning("said %d", number)
    structlog.get_logger().info("call_refused", number=number)
    structlog.get_logger().info("call_ended", number=number)
try:
    raise ValueError("known")
except ValueError:
    structlog.get_logger().exception("request_failed", incident="1")
"""


def test_whatever_is_logged_is_a_line_of_json() -> None:
    program = [sys.executable, "-c", LIBRARIES]
    done = subprocess.run(program, capture_output=True, text=True, check=True, timeout=60)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert all({"event", "level", "timestamp"} <= set(line) for line in lines)
    by_logger = {line.get("logger", ""): line for line in lines}
    assert "as a test wants it" in by_logger["asyncio"]["exception"]
    assert "old" in by_logger["py.warnings"]["event"]
    assert sum(line.get("logger") == "library" for line in lines) == AT_ONCE
    assert sum(line["event"] == "call_refused" for line in lines) == AT_ONCE
    assert sum(line["event"] == "call_ended" for line in lines) == 100
    assert "ValueError: known" in lines[-1]["exception"]


class Time:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def passed(spared: Spared, count: int, **fields: object) -> list[EventDict]:
    found: list[EventDict] = []
    for _ in range(count):
        try:
            found.append(spared(None, "info", dict(fields)))
        except structlog.DropEvent:
            continue
    return found


@pytest.mark.parametrize("name", sorted(ALIKE))
def test_a_flood_of_what_is_alike_is_counted_instead(name: str) -> None:
    spared = Spared(clock := Time())
    assert len(passed(spared, 1000, event=name)) == AT_ONCE
    clock.now_s += WITHIN_S
    first, second = passed(spared, 2, event=name)
    assert first["left_out"] == 1000 - AT_ONCE
    assert "left_out" not in second


def test_events_of_calls_and_requests_are_all_written() -> None:
    spared = Spared(Time())
    assert len(passed(spared, 1000, event="call_ended")) == 1000
    found = passed(spared, 1000, event="request_failed", incident="1", exc_info=True)
    assert len(found) == 1000
    assert sum("exc_info" in line for line in found) == AT_ONCE
    assert found[-1]["traceback"] == "left out"


def test_the_same_of_the_same_peer_is_told_once_a_minute_with_a_count() -> None:
    spared = Spared(clock := Time())
    refused: dict[str, object] = {
        "event": "sip_invite_refused", "peer": "192.0.2.1", "status": 488, "why": "neither PCMU nor PCMA",
    }  # fmt: skip
    assert len(passed(spared, 1000, **refused, sip_call_id="a")) == 1
    assert len(passed(spared, 1000, **{**refused, "peer": "192.0.2.2"})) == 1
    assert len(passed(spared, 1000, **{**refused, "status": 415, "why": ""})) == 1
    clock.now_s += ONE_PEERS_S - 0.1
    assert passed(spared, 1, **refused) == []
    clock.now_s += 0.1
    (again,) = passed(spared, 2, **refused)
    assert again["left_out"] == 1000
    clock.now_s += ONE_PEERS_S
    (again,) = passed(spared, 1, **refused)
    assert again["left_out"] == 1


def test_many_peers_and_reasons_are_bounded_too() -> None:
    spared = Spared(clock := Time())
    told = 0
    for number in range(10 * MAX_PEERS):  # reasons that nobody foresaw
        told += len(passed(spared, 1, event="sip_invite_refused", peer="p", status=400, why=number))
    assert told == AT_ONCE
    assert len(spared._of_peers) == MAX_PEERS
    clock.now_s += WITHIN_S
    (again,) = passed(spared, 1, event="sip_invite_refused", peer="p", status=400, why="new")
    assert again["left_out"] == 10 * MAX_PEERS - AT_ONCE
