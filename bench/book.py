"""What a digit, a change of state and a notification cost in the book of a call, CPU time.

    .venv/bin/python bench/book.py [--rounds 20000]

*In the book* is what happens on the event loop until the writes are handed to the store; *with SQLite* is all
of the process, the thread that writes included, when calls wait for each of their writes, 50 at once.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import structlog
import uvloop

from onhook import call as machine
from onhook import urls
from onhook.call import Call, Job, State
from onhook.call.works import Gathering
from onhook.calls import clock, dialogs
from onhook.calls.call_book import CallBook
from onhook.calls.dialogs import OpenDialog
from onhook.calls.journal import Journal
from onhook.phone.dialog import DialogRecord
from onhook.store import Account, Application, CallRecord, Store, Writes
from onhook.store.database import Told

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.figures import Figures, save, table

OUT = Path(__file__).resolve().parent / "out" / "book.json"
APPLICATION = Application("a" * 16, "bench", "h" * 64, "token", "secret", 1)
URL = urls.parse("https://shop.example.com/calls")
DIALOG = DialogRecord(
    call_id="3848276298220188511@atlanta.example.com",
    local="<sip:+6531234567@192.0.2.7:5060>;tag=9fxced76sl",
    remote='"Alice" <sip:+6598765432@198.51.100.3:5060>;tag=8321234356',
    next_cseq=1,
    request_uri="sip:+6598765432@198.51.100.3:5060;transport=udp",
    routes=("<sip:proxy.example.com;lr>",),
    destination=("198.51.100.3", 5060),
)
TOGETHER = 50


class Nobody:
    """The owner of a book, its metrics, and a store that takes everything at once."""

    srtp = ""
    logged: Mapping[str, object] = {}

    def recorded(self) -> None: ...
    def closed_book(self) -> None: ...
    def unrecorded(self) -> None: ...
    def forced_hangup(self, seconds: float) -> None: ...
    def ended(self, ended_by: str, cause: str, direction: str, talked_s: float | None) -> None: ...

    def write(self, writes: Writes, told: Told, *, patient: bool = False) -> None:
        asyncio.get_running_loop().call_soon(told, None)


def gathering() -> tuple[Call, Call]:
    """A call that waits for its application, and the same one in the middle of a Gather."""
    call, _ = machine.arrive("S-1", URL, machine.Limits(), 1.0)
    job = Job(1, "gather", URL, "tag", work=Gathering(max_digits=0, timeout_s=15.0, attempts=1))
    steps: Sequence[machine.Event] = (
        machine.Requested(2.0, job),
        machine.Prepared(2.1, 1),
        machine.Acknowledged(2.2),
        machine.Played(3.0, 1),
        machine.Digit(3.5, "1"),
    )
    for event in steps:
        call, _ = machine.step(call, event)
    assert call.state is State.RUNNING
    over, _ = machine.step(call, machine.Digit(4.0, "#"))
    assert over.state is State.WAITING
    return over, call


def book_of(session: str, store: Store) -> CallBook:
    record = CallRecord(
        session=session,
        txn_ref=f"AA-C-{session}",
        app_id=APPLICATION.app_id,
        owner="main",
        state="",
        from_number="+6598765432",
        to_number="+6531234567",
        began_ms=clock.wall_ms(clock.now_s()),
        currency="SGD",
        rate="0.020",
    )
    nobody = Nobody()
    return CallBook(record, nobody, Journal(store), nobody, lambda _: None)


def first(book: CallBook, call: Call) -> None:
    book.write(call, (), (), dialogs.kept([OpenDialog(DIALOG)]))


async def in_the_book(rounds: int) -> Figures:
    """Microseconds of each."""
    waiting, running = gathering()
    pressed, _ = machine.step(running, machine.Digit(5.0, "2"))
    [over] = [
        effect
        for effect in machine.step(running, machine.Digit(4.0, "#"))[1]
        if isinstance(effect, machine.Notify)
    ]
    book = book_of("S-1", cast(Store, Nobody()))
    first(book, running)
    found: Figures = {}

    async def measure(name: str, changes: Sequence[tuple[Call, Sequence[machine.Notify]]]) -> None:
        await asyncio.sleep(0)
        began = time.process_time()
        for number in range(rounds):
            call, told = changes[number % len(changes)]
            book.write(call, (), told, None)
            if number % 10 == 9:
                await asyncio.sleep(0)
        found[name] = round((time.process_time() - began) / rounds * 1e6, 2)

    await measure("digit", [(running, ()), (pressed, ())])
    await measure("change of state", [(waiting, ()), (running, ())])
    await measure("change with notification", [(waiting, (over,)), (running, (over,))])
    return found


async def with_sqlite(rounds: int) -> Figures:
    """Microseconds of the process for each change of state, and for each that is told."""
    waiting, running = gathering()
    [over] = [
        effect
        for effect in machine.step(running, machine.Digit(4.0, "#"))[1]
        if isinstance(effect, machine.Notify)
    ]
    found: Figures = {}
    with tempfile.TemporaryDirectory(prefix="onhook-bench-", dir=OUT.parent) as directory:
        store = await Store.open(Path(directory))
        await store.add_account(Account("main", "main", "AA", "SGD", 1))
        await store.add_application(APPLICATION)

        async def run(name: str, told: Sequence[machine.Notify]) -> None:
            async def one(session: str) -> None:
                book = book_of(session, store)
                first(book, running)
                for number in range(rounds // TOGETHER):
                    done = asyncio.Event()
                    book.write((waiting, running)[number % 2], (), told, None, done.set)
                    await done.wait()

            began = time.process_time()
            await asyncio.gather(*[one(f"S-{len(told)}-{number}") for number in range(TOGETHER)])
            found[name] = round((time.process_time() - began) / rounds * 1e6, 1)

        await run("change of state", ())
        await run("change with notification", (over,))
        await store.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20_000)
    rounds: int = parser.parse_args().rounds
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    OUT.parent.mkdir(exist_ok=True)
    found = {
        "in the book": uvloop.run(in_the_book(rounds)),
        "with SQLite": uvloop.run(with_sqlite(rounds)),
    }
    for name, figures in found.items():
        print(table(name, [(what, f"{us} us") for what, us in figures.items()]))
    save(OUT, found)


if __name__ == "__main__":
    main()
