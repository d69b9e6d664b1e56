"""The log can be read by a program, and nobody outside decides how long it gets."""

import json
import subprocess
import sys

import pytest
import structlog
from structlog.typing import EventDict

from onhook.cli.logs import ALIKE, AT_ONCE, WITHIN_S, Spared

LIBRARIES = """
import asyncio, logging, warnings
import structlog
from onhook.cli.logs import configure_logs
configure_logs()
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
