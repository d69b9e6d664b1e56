"""The switch and the process that delivers, each with its end of a real pair of sockets, on one loop."""

import asyncio
import socket
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from notify.doubles import MemoryStore, ScriptedClient, notification
from notify.loops import on_both_loops
from onhook.notification import Notification
from onhook.notify import link as link_module
from onhook.notify.attempt import UNTRIED, Attempt, AttemptOutcome, DeliveryProgress
from onhook.notify.handover import Deliver, Frames, Recorded, Tried, encode
from onhook.notify.office import BELIEVED_S, NotAnswered, Office
from onhook.notify.remote import RemoteOutbox, Told
from onhook.notify.replies import PostResult
from onhook.notify.schedule import RetrySchedule
from onhook.notify.signatures import AppSecrets

DELIVERED, FAILED = AttemptOutcome.DELIVERED, AttemptOutcome.FAILED
SOON = RetrySchedule((0.01,))
PAGE = 200
PATIENCE_S = 60.0


class Disk(MemoryStore):
    """What is committed, and what came of it, as the store has it."""

    def __init__(self) -> None:
        super().__init__()
        self.pending: dict[str, tuple[Notification, DeliveryProgress]] = {}
        self._writing: set[asyncio.Task[None]] = set()
        self.reads = 0
        self.writing = asyncio.Event()
        self.may_write = asyncio.Event()
        self.may_write.set()
        self.may_read = asyncio.Event()
        self.may_read.set()
        self.reading = asyncio.Event()

    def commit(self, told: Notification) -> Notification:
        self.pending[told.notification_id] = (told, UNTRIED)
        return told

    async def record_attempt(
        self,
        notification_id: str,
        attempt: Attempt,
        outcome: AttemptOutcome,
        next_at: float | None,
        awaited: bool = False,
    ) -> None:
        self.writing.set()
        await self.may_write.wait()
        await super().record_attempt(notification_id, attempt, outcome, next_at)
        told, _ = self.pending.pop(notification_id)
        if outcome is FAILED:
            progress = DeliveryProgress(attempt.at, attempt.number, next_at, attempt.scheduled)
            self.pending[notification_id] = (told, progress)

    def record_attempts(self, several: Sequence[Tried], told: Told) -> None:
        writing = asyncio.get_running_loop().create_task(self._record_all(several, told))
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)

    async def _record_all(self, several: Sequence[Tried], told: Told) -> None:
        try:
            for one in several:
                await self.record_attempt(
                    one.notification_id, one.attempt, one.outcome, one.next_at
                )
        except Exception as error:  # noqa: BLE001  # as a store may
            told(error)
        else:
            told(None)

    async def undelivered(
        self,
    ) -> AsyncGenerator[Sequence[tuple[Notification, DeliveryProgress]], None]:
        self.reads += 1
        order = sorted(self.pending.values(), key=lambda one: (one[0].session, one[0].sequence))
        for start in range(0, len(order), PAGE):
            yield order[start : start + PAGE]
        self.reading.set()
        await self.may_read.wait()


class Switch:
    """A remote outbox with a disk, and processes that deliver for it, one after another."""

    def __init__(self, script: dict[str, list[Any]] | None = None) -> None:
        self.disk = Disk()
        self.client = ScriptedClient(script or {})
        self.secrets: dict[str, AppSecrets | Exception] = {"app": AppSecrets("token")}
        self.asked = 0
        self.outbox = RemoteOutbox(self.disk, self._secrets_of, self.disk.undelivered)
        self._end: socket.socket | None = None

    async def _secrets_of(self, app_id: str) -> AppSecrets | None:
        self.asked += 1
        found = self.secrets.get(app_id)
        if isinstance(found, Exception):
            raise found
        return found

    def tell(self, *names: str, session: str = "S1") -> None:
        for name in names:
            number = int(name[1:] or 1)
            told = notification(name, session, sequence=number)
            self.outbox.deliver(self.disk.commit(told))

    @property
    def sent(self) -> list[str]:
        return [name for _, name in self.client.sent]

    @asynccontextmanager
    async def process(self, client: Any = None) -> AsyncIterator[Office]:
        """One that delivers, until it dies: as the kernel does, all of it at once."""
        ours, theirs = socket.socketpair()
        office = Office(client or self.client, SOON)
        await office.begin(ours)
        self.outbox.take(theirs)
        try:
            yield office
        finally:
            office._link.close()
            await office._outbox.close()
            office._lost.set()
            await office.ended()

    async def lost(self) -> None:
        await until(lambda: self.outbox._link is None)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():
            await asyncio.sleep(0.001)


@on_both_loops
async def test_what_is_committed_is_delivered_and_recorded() -> None:
    switch = Switch()
    switch.outbox.resume()
    async with switch.process():
        began_s = time.monotonic()
        switch.tell("a1", "a2")
        await switch.disk.wait_for(2)
        assert switch.sent == ["a1", "a2"]
        assert switch.disk.outcomes("a1") == switch.disk.outcomes("a2") == [DELIVERED]
        # remembered for a moment
        assert 1 <= switch.asked <= 1 + (time.monotonic() - began_s) // BELIEVED_S
        await switch.outbox.close()


@on_both_loops
async def test_nothing_is_read_from_the_disk_before_it_is_settled() -> None:
    switch = Switch()
    switch.tell("a1")
    async with switch.process():
        await asyncio.sleep(0.05)
        assert switch.disk.reads == 0
        switch.outbox.resume()
        await switch.disk.wait_for(1)
        assert switch.sent == ["a1"]
        await switch.outbox.close()


@on_both_loops
async def test_what_is_committed_while_nobody_delivers_leaves_in_order() -> None:
    switch = Switch()
    switch.outbox.resume()
    switch.tell("a1", "a2")
    async with switch.process():
        await switch.disk.wait_for(2)
    await switch.lost()
    switch.tell("a3", "a4")
    async with switch.process():
        switch.tell("a5")
        await switch.disk.wait_for(5)
        assert switch.sent == ["a1", "a2", "a3", "a4", "a5"]
        await switch.outbox.close()


@on_both_loops
async def test_what_is_committed_while_the_disk_is_read_leaves_after_it_and_once() -> None:
    switch = Switch()
    switch.disk.may_read.clear()
    switch.outbox.resume()
    switch.tell("a1", "a2")
    async with switch.process():
        await switch.disk.reading.wait()
        switch.tell("a2", "a3")  # a2 is told of once more: its commit was in time for the reader
        switch.disk.may_read.set()
        await switch.disk.wait_for(3)
        await asyncio.sleep(0.02)
        assert switch.sent == ["a1", "a2", "a3"]
        await switch.outbox.close()


@on_both_loops
async def test_a_request_that_died_with_its_process_is_made_again_before_what_comes_after() -> None:
    hanging = asyncio.Event()
    switch = Switch({"example.com": [hanging, PostResult(200)]})
    switch.outbox.resume()
    async with switch.process():
        switch.tell("a1", "a2")
        await until(lambda: switch.sent == ["a1"])
    await switch.lost()
    async with switch.process():
        await switch.disk.wait_for(2)
        assert switch.sent == ["a1", "a1", "a2"]
        await switch.outbox.close()


@on_both_loops
async def test_it_is_settled_once_what_was_committed_was_tried_and_that_is_written() -> None:
    answered = asyncio.Event()
    switch = Switch({"example.com": [answered, PostResult(200)]})
    switch.outbox.resume()
    switch.disk.may_write.clear()
    async with switch.process():
        await until(lambda: switch.outbox._meanwhile is None)
        switch.tell("a1")
        await until(lambda: switch.sent == ["a1"])
        settled = [switch.outbox.settled]
        answered.set()
        await switch.disk.writing.wait()
        settled.append(switch.outbox.settled)
        assert settled == [False, False]
        switch.disk.may_write.set()
        await until(lambda: switch.outbox.settled)
        await switch.outbox.close()


@on_both_loops
async def test_an_attempt_that_was_told_of_is_not_made_again() -> None:
    switch = Switch()
    switch.outbox.resume()
    switch.disk.may_write.clear()
    async with switch.process():
        switch.tell("a1", "a2")
        await switch.disk.writing.wait()
    await switch.lost()
    async with switch.process():
        await asyncio.sleep(0.02)
        assert switch.disk.reads == 1  # the disk is not read before that is written
        switch.disk.may_write.set()
        await switch.disk.wait_for(2)
        assert switch.sent == ["a1", "a2"]
        await switch.outbox.close()


@on_both_loops
async def test_retries_go_on_where_they_were_in_the_next_process() -> None:
    switch = Switch({"example.com": [PostResult(500)]})
    switch.outbox.resume()
    async with switch.process():
        switch.tell("a1")
        await switch.disk.wait_for(3)
    await switch.lost()
    before = len(switch.disk.records)
    switch.client.script.clear()
    async with switch.process():
        await until(lambda: switch.disk.outcomes("a1")[-1] is DELIVERED)
        numbers = [record.attempt.number for record in switch.disk.records]
        assert numbers == list(range(1, before + 2))
        await switch.outbox.close()


@on_both_loops
async def test_what_could_not_be_written_is_not_sent_again() -> None:
    switch = Switch()
    switch.disk.failures = 1
    switch.outbox.resume()
    async with switch.process():
        switch.tell("a1")
        await switch.disk.wait_for(1)
        assert switch.sent == ["a1"]
        await switch.outbox.close()


@on_both_loops
async def test_what_is_told_together_is_written_together_and_one_that_cannot_be_spoils_no_other() -> (
    None
):
    class Refusing(Disk):
        def __init__(self) -> None:
            super().__init__()
            self.batches: list[list[str]] = []

        def record_attempts(self, several: Sequence[Tried], told: Told) -> None:
            names = [one.notification_id for one in several]
            self.batches.append(names)
            if "a3" in names and self.batches.count(["a3"]) < 2:
                raise ValueError("this one cannot be written")
            super().record_attempts(several, told)

    switch = Switch()
    switch.disk = disk = Refusing()
    switch.outbox = RemoteOutbox(disk, switch._secrets_of, disk.undelivered)
    switch.outbox.resume()
    async with switch.process() as office:
        await until(lambda: disk.reads == 1 and switch.outbox._meanwhile is None)
        names = [f"a{number}" for number in range(1, 6)]
        made = Attempt(1, 1.0, 200, None, 1.0)
        for name in names:
            disk.commit(notification(name, name))
        recorded = [
            asyncio.ensure_future(office.record_attempt(name, made, DELIVERED, None, False))
            for name in names
        ]
        results = await asyncio.gather(*recorded, return_exceptions=True)
        assert [type(result) for result in results].count(NotAnswered) == 1
        assert isinstance(results[2], NotAnswered)
        assert disk.batches[0] == names
        await office.record_attempt("a3", made, DELIVERED, None, False)
        assert all(disk.outcomes(name) == [DELIVERED] for name in names)
        await switch.outbox.close()


@on_both_loops
async def test_an_attempt_is_awaited_if_a_notification_waits_behind_it() -> None:
    class Noting(Disk):
        def __init__(self) -> None:
            super().__init__()
            self.awaited: dict[str, bool] = {}

        def record_attempts(self, several: Sequence[Tried], told: Told) -> None:
            self.awaited |= {one.notification_id: one.awaited for one in several}
            super().record_attempts(several, told)

    switch = Switch()
    switch.disk = disk = Noting()
    switch.outbox = RemoteOutbox(disk, switch._secrets_of, disk.undelivered)
    switch.outbox.resume()
    async with switch.process():
        switch.tell("b1", session="S2")
        switch.tell("a1", "a2", "a3")
        await disk.wait_for(4)
        await switch.outbox.close()
    assert disk.awaited == {"b1": False, "a1": True, "a2": True, "a3": False}


@on_both_loops
async def test_a_notification_that_comes_while_an_attempt_is_written_does_not_wait_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody waited for the attempt when it was told of."""
    monkeypatch.setattr(link_module, "PATIENCE_S", 2 * PATIENCE_S)
    switch = Switch()
    switch.outbox.resume()
    switch.disk.may_write.clear()
    async with switch.process():
        await until(lambda: switch.outbox._meanwhile is None)
        switch.tell("a1")
        await switch.disk.writing.wait()
        switch.tell("a2")
        await asyncio.sleep(0)  # it has left
        switch.disk.may_write.set()
        await switch.disk.wait_for(2)
        assert switch.sent == ["a1", "a2"]
        await until(lambda: switch.outbox.settled)
        assert not switch.outbox._under_way_of
        await switch.outbox.close()


@on_both_loops
async def test_a_retry_is_signed_with_the_secret_of_its_moment() -> None:
    signatures: list[str] = []

    class Keeping(ScriptedClient):
        async def post(self, url: Any, headers: Any, body: bytes, deadline_s: float) -> PostResult:
            signatures.append(headers["X-Hoiio-Signature"])
            return PostResult(500)

    switch = Switch()
    switch.outbox.resume()
    async with switch.process(Keeping()):
        switch.tell("a1")
        await switch.disk.wait_for(1)
        switch.secrets["app"] = AppSecrets("another")
        await until(lambda: len(set(signatures)) == 2)
        assert switch.asked <= 1 + BELIEVED_S / 0.01
        await switch.outbox.close()


@on_both_loops
async def test_an_application_that_is_gone_ends_its_notifications() -> None:
    switch = Switch()
    del switch.secrets["app"]
    switch.outbox.resume()
    async with switch.process():
        switch.tell("a1")
        await switch.disk.wait_for(1)
        assert switch.disk.outcomes("a1") == [AttemptOutcome.GIVEN_UP]
        assert switch.sent == []
        await switch.outbox.close()


@on_both_loops
async def test_secrets_that_cannot_be_read_now_are_asked_for_again() -> None:
    switch = Switch()
    switch.secrets["app"] = ConnectionError("the store is gone")
    switch.outbox.resume()
    async with switch.process():
        switch.tell("a1")
        await until(lambda: switch.asked > 0)
        switch.secrets["app"] = AppSecrets("token")
        await switch.disk.wait_for(1)
        assert switch.disk.outcomes("a1") == [DELIVERED]
        await switch.outbox.close()


@on_both_loops
async def test_a_barred_address_is_heard_of() -> None:
    barred: list[Notification] = []
    switch = Switch({"example.com": [PostResult(None, error="private", barred=True)]})
    switch.outbox.on_barred = barred.append
    switch.outbox.resume()
    async with switch.process():
        switch.tell("a1")
        await until(lambda: bool(barred))
        await switch.disk.wait_for(3)
        assert [told.notification_id for told in barred] == ["a1"]
        await switch.outbox.close()


@on_both_loops
async def test_draining_tries_what_waits_and_says_what_is_left() -> None:
    switch = Switch({"dead.example": [PostResult(500)]})
    switch.outbox.resume()
    async with switch.process():
        told = notification("b1", "S2", "dead.example")
        switch.outbox.deliver(switch.disk.commit(told))
        switch.tell("a1")
        assert await switch.outbox.drain(PATIENCE_S) == 1
        assert switch.disk.outcomes("a1") == [DELIVERED]
        assert "b1" in switch.disk.pending
        before = list(switch.sent)
        switch.tell("a2")
        await asyncio.sleep(0.02)
        assert switch.sent == before  # it is left for the next start


@on_both_loops
async def test_draining_goes_on_with_the_next_process() -> None:
    hanging = asyncio.Event()
    switch = Switch({"example.com": [hanging, PostResult(200)]})
    switch.outbox.resume()
    async with switch.process():
        switch.tell("a1")
        await until(lambda: switch.sent == ["a1"])
        draining = asyncio.create_task(switch.outbox.drain(PATIENCE_S))
        await asyncio.sleep(0.01)
    await switch.lost()
    async with switch.process():
        assert await draining == 0
        assert switch.disk.outcomes("a1") == [DELIVERED]


@on_both_loops
async def test_draining_without_a_process_ends_at_its_deadline() -> None:
    switch = Switch()
    switch.outbox.resume()
    switch.tell("a1")
    assert await switch.outbox.drain(0.05) is None
    assert list(switch.disk.pending) == ["a1"]


@on_both_loops
async def test_draining_without_a_process_and_with_nothing_to_say_is_done_at_once() -> None:
    switch = Switch()
    switch.outbox.resume()
    assert await switch.outbox.drain(600.0) == 0


@on_both_loops
async def test_the_end_of_the_switch_ends_what_it_handed_over() -> None:
    hanging = asyncio.Event()
    switch = Switch({"example.com": [hanging]})
    switch.outbox.resume()
    async with switch.process() as office:
        switch.tell("a1", "a2")
        await until(lambda: switch.sent == ["a1"])
        await switch.outbox.close()
        async with asyncio.timeout(PATIENCE_S):
            await office.ended()
        assert len(office._outbox) == 0
        assert switch.client.under_way["example.com"] == 0


@on_both_loops
async def test_ten_thousand_pending_are_handed_over_in_order() -> None:
    switch = Switch()
    for number in range(10_000):
        told = notification(f"n{number}", f"S{number % 2500:04d}", sequence=number)
        switch.disk.commit(told)
    switch.outbox.resume()
    async with switch.process():
        switch.outbox.deliver(switch.disk.commit(notification("last", "S0000", sequence=10_000)))
        await switch.disk.wait_for(10_001)
        assert sorted(switch.sent) == sorted(set(switch.sent))
        by_session: dict[str, list[int]] = {}
        for name in switch.sent:
            number = 10_000 if name == "last" else int(name[1:])
            by_session.setdefault(f"S{number % 2500:04d}", []).append(number)
        assert all(numbers == sorted(numbers) for numbers in by_session.values())
        await switch.outbox.close()


@pytest.fixture
def little_room(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(link_module, "SEND_AHEAD_BYTES", 16 * 1024)
    monkeypatch.setattr(link_module, "MOST_WAITING_BYTES", 64 * 1024)
    yield


@on_both_loops
async def test_a_process_that_reads_no_more_is_given_up_and_nothing_is_lost(
    little_room: None,
) -> None:
    switch = Switch()
    switch.outbox.resume()
    ours, theirs = socket.socketpair()
    switch.outbox.take(theirs)
    await until(lambda: switch.outbox._meanwhile is None and switch.disk.reads == 1)
    count = 0
    while switch.outbox._link is not None:
        assert count < 20_000
        switch.tell(f"a{count}")
        count += 1
        await asyncio.sleep(0)
    most = link_module.MOST_WAITING_BYTES + 4 * ours.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    assert count * len(encode(Deliver(notification("a")))) < most
    async with switch.process():
        await switch.disk.wait_for(count)
        assert switch.sent == [f"a{number}" for number in range(count)]
        await switch.outbox.close()
    ours.close()


@on_both_loops
async def test_a_handover_waits_for_room(little_room: None) -> None:
    switch = Switch()
    for number in range(5000):
        switch.disk.commit(notification(f"n{number}", f"S{number:04d}", sequence=number))
    switch.outbox.resume()
    ours, theirs = socket.socketpair()
    switch.outbox.take(theirs)
    await until(lambda: switch.outbox._link._room is not None)  # type: ignore[union-attr]
    await asyncio.sleep(0.05)
    assert not switch.disk.reading.is_set()
    office = Office(switch.client, SOON)
    await office.begin(ours)
    await switch.disk.wait_for(5000)
    assert sorted(switch.sent) == sorted(f"n{number}" for number in range(5000))
    await switch.outbox.close()
    await office.ended()


@on_both_loops
async def test_what_is_no_message_ends_the_link_and_the_next_one_works() -> None:
    switch = Switch()
    switch.outbox.resume()
    ours, theirs = socket.socketpair()
    switch.outbox.take(theirs)
    switch.tell("a1")
    await until(lambda: switch.disk.reads == 1)
    ours.sendall(b"\0\0\0\x05Tried")
    await switch.lost()
    async with switch.process():
        await switch.disk.wait_for(1)
        assert switch.sent == ["a1"]
        await switch.outbox.close()
    ours.close()


@on_both_loops
async def test_that_an_attempt_is_recorded_leaves_with_what_is_said_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link_module, "PATIENCE_S", 600.0)
    chunks: list[int] = []
    heard = link_module.Link.data_received

    def data_received(link: link_module.Link, data: bytes) -> None:
        messages = [*Frames().feed(data)]
        if any(isinstance(message, Recorded) for message in messages):
            chunks.append(len(messages))
        heard(link, data)

    monkeypatch.setattr(link_module.Link, "data_received", data_received)
    switch = Switch()
    switch.outbox.resume()
    async with switch.process():
        await until(lambda: switch.outbox._meanwhile is None)
        switch.tell("a1")
        await switch.disk.wait_for(1)
        assert chunks == []
        switch.tell("a2")
        await switch.disk.wait_for(2)
        assert switch.sent == ["a1", "a2"]
        assert chunks == [2]
        await switch.outbox.close()


@on_both_loops
async def test_nothing_waits_where_a_notification_waits_behind_an_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link_module, "PATIENCE_S", 600.0)
    switch = Switch()
    switch.outbox.resume()
    async with switch.process():
        switch.tell("a1", "a2", "a3")
        await switch.disk.wait_for(3)
        assert switch.sent == ["a1", "a2", "a3"]
        await switch.outbox.close()


@on_both_loops
async def test_that_an_attempt_is_recorded_leaves_by_itself_in_the_end() -> None:
    switch = Switch()
    switch.outbox.resume()
    async with switch.process() as office:
        switch.tell("a1")
        await switch.disk.wait_for(1)
        await until(lambda: office._outbox.lanes == 0)
        await switch.outbox.close()
