"""Replies that are kept for a day under the key of their request."""

from dataclasses import replace

import pytest
from sqlalchemy.exc import SQLAlchemyError

from onhook.store import IdempotentReply, Store, Writes
from onhook.store.kept_replies import forget_replies, kept_reply
from onhook.store.replies import KEPT_MS
from store.samples import APPLICATION, call

AT_MS = 1_000_000
REPLY = IdempotentReply(APPLICATION.app_id, "k", "d" * 64, {"tag": "東京"}, AT_MS)


@pytest.fixture(autouse=True)
async def application(store: Store) -> None:
    await store.add_application(APPLICATION)


async def found(store: Store, now_ms: int, key: str = "k") -> IdempotentReply | None:
    return await kept_reply(store, APPLICATION.app_id, key, now_ms)


async def test_a_reply_is_found_for_a_day(store: Store) -> None:
    await store.submit(Writes(replies=(REPLY,)))
    assert await found(store, AT_MS) == REPLY
    assert await found(store, AT_MS + KEPT_MS - 1) == REPLY
    assert await found(store, AT_MS + KEPT_MS) is None
    assert await found(store, AT_MS, "other") is None
    assert await kept_reply(store, "nobody", "k", AT_MS) is None


async def test_the_first_reply_stays(store: Store) -> None:
    later = replace(REPLY, reply={}, created_ms=AT_MS + KEPT_MS - 1)
    await store.submit(Writes(replies=(REPLY, later)))
    await store.submit(Writes(replies=(later,)))
    assert await found(store, AT_MS) == REPLY


async def test_a_reply_that_is_a_day_old_gives_way(store: Store) -> None:
    newer = replace(REPLY, digest="e" * 64, reply={}, created_ms=AT_MS + KEPT_MS)
    await store.submit(Writes(replies=(REPLY,)))
    await store.submit(Writes(replies=(newer,)))
    assert await found(store, newer.created_ms) == newer


async def test_old_replies_are_forgotten_however_many(store: Store) -> None:
    old = tuple(replace(REPLY, key=str(number)) for number in range(1001))
    young = replace(REPLY, created_ms=AT_MS + 1)
    await store.submit(Writes(replies=(*old, young)))
    assert await forget_replies(store, AT_MS + KEPT_MS - 1) == 0
    assert await forget_replies(store, AT_MS + KEPT_MS) == 1001
    assert await forget_replies(store, AT_MS + KEPT_MS) == 0
    assert await found(store, AT_MS) == young


async def test_a_reply_is_written_with_its_call_or_not_at_all(store: Store) -> None:
    """A reply of nobody's breaks the transaction that it belongs to."""
    with pytest.raises(SQLAlchemyError):
        await store.submit(Writes(calls=(call(),), replies=(replace(REPLY, app_id="nobody"),)))
    assert await store.call("S1") is None
