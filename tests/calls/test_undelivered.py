"""What a process that delivers is handed over: read from the store, which may be away for a while."""

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest

from onhook.calls import deliveries
from onhook.store import AttemptRecord, NotificationOutcome, Store, StoredNotification, Writes
from onhook.store.database import StoreError
from store.samples import ACCOUNT, APPLICATION, call, notification


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
