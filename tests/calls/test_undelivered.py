"""What a process that delivers is handed over: read from the store, which may be away for a while."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest

from onhook.calls import deliveries
from onhook.notify.attempt import Attempt, AttemptOutcome
from onhook.notify.handover import Tried
from onhook.store import (
    AttemptRecord,
    NotificationOutcome,
    Store,
    StoredNotification,
    Writes,
    writer,
)
from onhook.store.database import StoreError
from store.samples import ACCOUNT, APPLICATION, call, notification

PATIENCE_S = 30.0


async def test_all_that_is_undelivered_is_read_in_its_order_and_with_how_far_it_came(
    tmp_path: Path,
) -> None:
    store = await Store.open(tmp_path)
    await store.add_account(ACCOUNT)
    await store.add_application(APPLICATION)
    for session in ("S1", "S2", "S3"):
        told = tuple(notification(session, number) for number in range(100))
        await store.submit(Writes(calls=(call(session),), notifications=told))
    tried = AttemptRecord("msg_S2_1", 1, 7000, 30, 500, "")
    stands = NotificationOutcome("msg_S2_1", "pending", 1, 7000, 9000)
    await store.submit(Writes(attempts=(tried,), outcomes=(stands,)))
    parts = [list(part) async for part in deliveries.undelivered(store, "me")]
    assert len(parts) > 1
    found = [one for part in parts for one in part]
    assert [(told.session, told.sequence) for told, _ in found] == [
        (session, number) for session in ("S1", "S2", "S3") for number in range(100)
    ]
    progress = found[101][1]
    assert (progress.first_attempt_at, progress.next_at, progress.attempts) == (7.0, 9.0, 1)
    assert [part async for part in deliveries.undelivered(store, "another")] == []
    await store.close()


async def test_whoever_waits_for_attempts_is_told_although_a_listener_fails(tmp_path: Path) -> None:
    """Deliveries stood still, as nobody answered them."""
    store = await Store.open(tmp_path)
    await store.add_account(ACCOUNT)
    await store.add_application(APPLICATION)
    await store.submit(Writes(calls=(call("S1"),), notifications=(notification("S1", 0),)))
    failures: list[object] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: failures.append(context["exception"])
    )

    def fails(_: object) -> None:
        raise ZeroDivisionError

    made = Attempt(1, 7.0, 200, None, 30.0, 1)
    tried = Tried("msg_S1_0", made, AttemptOutcome.DELIVERED, None, awaited=True)
    async with asyncio.timeout(PATIENCE_S):
        await deliveries.Attempts(store, fails).recorded([tried])
        await deliveries.Attempts(store, lambda _: None, fails).recorded([tried])
    assert [type(failure) for failure in failures] == [ZeroDivisionError] * 2
    assert [part async for part in deliveries.undelivered(store, "me")] == []
    await store.close()


async def test_a_store_that_is_away_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "LOOK_S", 0.001)

    class Away:
        """Goes away in the middle, twice."""

        asked = 0

        async def undelivered_parts(
            self, owner: str
        ) -> AsyncGenerator[Sequence[StoredNotification], None]:
            self.asked += 1
            for number in range(self.asked):
                yield [notification("S1", number)]
            if self.asked < 3:
                raise StoreError("The database refused a query.")

    found = [part async for part in deliveries.undelivered(Away(), "me")]  # type: ignore[arg-type]
    assert [told.sequence for part in found for told, _ in part] == [0, 1, 2]


async def test_attempts_are_written_with_what_comes_next_unless_one_is_awaited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PATIENCE_S", 600.0)
    store = await Store.open(tmp_path)
    await store.add_account(ACCOUNT)
    await store.add_application(APPLICATION)
    told = tuple(notification("S1", number) for number in range(4))
    await store.submit(Writes(calls=(call("S1"),), notifications=told))
    counted: list[str] = []
    attempts = deliveries.Attempts(store, counted.append)

    def tried(number: int, *, awaited: bool = False) -> Tried:
        made = Attempt(1, 7.0, 200, None, 30.0, 1)
        return Tried(f"msg_S1_{number}", made, AttemptOutcome.DELIVERED, None, awaited)

    waiting = attempts.recorded([tried(0)])
    await attempts.recorded([tried(1), tried(2, awaited=True)])  # takes the first along
    await waiting
    assert counted == ["delivered"] * 3
    last = attempts.recorded([tried(3)])
    await store.submit(Writes(calls=(call("S2"),)))
    await last
    assert [part async for part in deliveries.undelivered(store, "me")] == []
    await store.close()
