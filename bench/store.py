"""How many writes a second the store makes durable, and what they cost the event loop.

    .venv/bin/python bench/store.py [--postgresql] [--seconds 3] [--writers 1,10,100]

A writer is a call that goes through its life again and again and waits for each of its writes, as calls
do: it rings and tells, the attempt is kept, a request is accepted, it closes, it ends and tells, the
attempt is kept. That is six commits and ten records a call.
"""

import argparse
import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import uvloop

from onhook import urls
from onhook.call import Notification
from onhook.store import (
    Account,
    Application,
    AttemptRecord,
    CallRecord,
    NotificationOutcome,
    Store,
    StoredDialogs,
    Writes,
)

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.figures import Figures, save, spread, table
from bench.postgresql import postgresql

OUT = Path(__file__).resolve().parent / "out" / "store.json"
APPLICATION = Application("a" * 16, "bench", "h" * 64, "token", "secret", 1)
WAITING = CallRecord(
    session="",
    txn_ref="",
    app_id=APPLICATION.app_id,
    owner="main",
    state="ringing",
    from_number="+6598765432",
    to_number="+6531234567",
    began_ms=1_700_000_000_000,
    currency="SGD",
    rate="0.020",
    contact_block="answer",
    contact_url="https://shop.example.com/calls",
    dialog=StoredDialogs(({"route": "sip:caller@192.0.2.1:5060", "tags": "x" * 300},)),
)
FIELDS = {f"field{number}": "+6531234567" for number in range(12)}


def life(number: int) -> Iterator[Writes]:
    """The writes of one call."""
    ringing = replace(WAITING, session=f"S-{number}", txn_ref=f"AA-C-{number}", sequence=1)
    closing = replace(ringing, state="closing", answered_ms=1_700_000_001_000)
    ended = replace(closing, state="ended", ended_ms=1_700_000_002_000, debit="0.020", sequence=2)
    yield Writes(calls=(ringing,), notifications=(_told(ringing),))
    yield _attempted(ringing)
    yield Writes(calls=(replace(ringing, state="running"),))
    yield Writes(calls=(closing,))
    yield Writes(calls=(ended,), notifications=(_told(ended),))
    yield _attempted(ended)


def _told(call: CallRecord) -> Notification:
    notification = f"msg_{call.session}_{call.sequence}"
    return Notification(
        notification,
        call.session,
        call.app_id,
        call.sequence,
        urls.stored(call.contact_url),
        FIELDS,
        1,
    )


def _attempted(call: CallRecord) -> Writes:
    notification = f"msg_{call.session}_{call.sequence}"
    return Writes(
        attempts=(AttemptRecord(notification, 1, 2, 30, 200, ""),),
        outcomes=(NotificationOutcome(notification, "delivered", 1, 2, None),),
    )


async def measure(store: Store, writers: int, seconds: float, calls: "count[int]") -> Figures:
    """What so many writers get done."""
    waits_ms: list[float] = []
    records = 0
    ends_at = time.monotonic() + seconds

    async def write() -> None:
        nonlocal records
        while time.monotonic() < ends_at:
            for writes in life(next(calls)):
                began = time.monotonic()
                await store.submit(writes)
                waits_ms.append((time.monotonic() - began) * 1000)
                records += sum(
                    map(len, (writes.calls, writes.notifications, writes.attempts, writes.outcomes))
                )

    began, loop_s, all_s = time.monotonic(), time.thread_time(), time.process_time()
    await asyncio.gather(*[write() for _ in range(writers)])
    took_s = time.monotonic() - began
    loop_s, all_s = time.thread_time() - loop_s, time.process_time() - all_s
    return {
        "writers": writers,
        "commits_a_second": round(len(waits_ms) / took_s),
        "records_a_second": round(records / took_s),
        "calls_a_second": round(len(waits_ms) / took_s / 6),
        "loop_us_a_record": round(loop_s / records * 1e6, 1),
        "cpu_us_a_record": round(all_s / records * 1e6, 1),
        **spread("wait", waits_ms),
    }


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    """A new store with an application."""
    with tempfile.TemporaryDirectory(prefix="onhook-bench-", dir=OUT.parent) as directory:
        store = await Store.open(Path(directory), url)
        try:
            await store.add_account(Account("main", "main", "AA", "SGD", 1))
            await store.add_application(APPLICATION)
            yield store
        finally:
            await store.close()


async def run(url: str, writers: list[int], seconds: float) -> list[Figures]:
    """All figures of one database."""
    calls = count()
    async with opened(url) as store:
        return [await measure(store, number, seconds, calls) for number in writers]


def show(name: str, found: list[Figures]) -> None:
    """The figures for a person."""
    rows = [
        (
            f"{f['writers']} writers",
            f"{f['commits_a_second']} commits/s, {f['records_a_second']} records/s, "
            f"{f['calls_a_second']} calls/s; loop {f['loop_us_a_record']} us, process "
            f"{f['cpu_us_a_record']} us a record; wait p50 {f['wait_p50_ms']} p99 {f['wait_p99_ms']} ms",
        )
        for f in found
    ]
    print(table(name, rows), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--writers", default="1,10,100")
    parser.add_argument("--postgresql", action="store_true", help="measure PostgreSQL as well")
    given = parser.parse_args()
    writers = [int(number) for number in given.writers.split(",")]
    OUT.parent.mkdir(exist_ok=True)
    found = {"SQLite": uvloop.run(run("", writers, given.seconds))}
    show("SQLite", found["SQLite"])
    if given.postgresql:
        with postgresql() as server:
            found["PostgreSQL"] = uvloop.run(run(server.new_database(), writers, given.seconds))
        show("PostgreSQL", found["PostgreSQL"])
    save(OUT, found)


if __name__ == "__main__":
    main()
