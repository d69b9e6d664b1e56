"""A request with a key is carried out once, however often and however fast it is sent."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from onhook.api.answer import Answer
from onhook.api.idempotency import KeptReplies
from onhook.blocks import Refused, RequestKey
from onhook.blocks.idempotency import KEPT_S, REPLAYED_HEADER, TRY_AGAIN
from onhook.calls import clock
from onhook.calls.kept_replies import accepted
from onhook.store import Account, Application, IdempotentReply, Store, Writes

APP = "a" * 16
OTHER_APP = "b" * 16
KEY = RequestKey("order 7", "d" * 64)
REUSED = RequestKey("order 7", "e" * 64)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path)
    await opened.add_account(Account("main", "main", "AA", "SGD", 1))
    for app_id in (APP, OTHER_APP):
        await opened.add_application(Application(app_id, "shop", app_id, "x", "x", 1))
    yield opened
    await opened.close()


@pytest.fixture
def replies(store: Store) -> KeptReplies:
    return KeptReplies(store)


@dataclass
class Work:
    """Something to be carried out once; it is done when ``go`` is set."""

    reply: Mapping[str, object] = field(default_factory=dict)
    error: Exception | None = None
    go: asyncio.Event = field(default_factory=asyncio.Event)
    times: int = 0

    async def __call__(self) -> Mapping[str, object]:
        self.times += 1
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return self.reply


def done(reply: Mapping[str, object] | None = None, error: Exception | None = None) -> Work:
    work = Work(reply or {}, error)
    work.go.set()
    return work


def replayed(answer: Answer) -> bool:
    return answer.headers.get(REPLAYED_HEADER) == "true"


async def test_the_second_gets_the_reply_of_the_first(replies: KeptReplies) -> None:
    first, second = done({"n": "1"}), done({"n": "2"})
    one = await replies.once(APP, KEY, first, act_keeps=False)
    other = await replies.once(APP, KEY, second, act_keeps=False)
    assert one.body == other.body == {"status": "success_ok", "n": "1"}
    assert (replayed(one), replayed(other)) == (False, True)
    assert (first.times, second.times) == (1, 0)


async def test_a_reply_outlives_the_process(store: Store) -> None:
    await KeptReplies(store).once(APP, KEY, done({"n": "日"}), act_keeps=False)
    again = await KeptReplies(store).once(APP, KEY, done(), act_keeps=False)
    assert again.body == {"status": "success_ok", "n": "日"}


async def test_a_refusal_is_a_reply_too(replies: KeptReplies) -> None:
    refused = done(error=Refused("error_session_ended"))
    one = await replies.once(APP, KEY, refused, act_keeps=True)
    other = await replies.once(APP, KEY, refused, act_keeps=True)
    assert one.status == "error_session_ended"
    assert one.body == other.body
    assert refused.times == 1


@pytest.mark.parametrize("status", sorted(TRY_AGAIN))
async def test_a_refusal_that_says_try_again_is_not_kept(replies: KeptReplies, status: str) -> None:
    refused = done(error=Refused(status, "Later.", Retry_After="7"))
    answer = await replies.once(APP, KEY, refused, act_keeps=False)
    assert (answer.status, answer.headers) == (status, {"Retry-After": "7"})
    again = await replies.once(APP, KEY, done(), act_keeps=False)
    assert (again.status, replayed(again)) == ("success_ok", False)


async def test_what_breaks_is_not_kept(replies: KeptReplies) -> None:
    with pytest.raises(OSError, match="broken"):
        await replies.once(APP, KEY, done(error=OSError("broken")), act_keeps=False)
    again = await replies.once(APP, KEY, done(), act_keeps=False)
    assert (again.status, replayed(again)) == ("success_ok", False)


async def test_another_request_under_the_key_is_refused(replies: KeptReplies) -> None:
    await replies.once(APP, KEY, done(), act_keeps=False)
    other = done()
    with pytest.raises(Refused) as refused:
        await replies.once(APP, REUSED, other, act_keeps=False)
    assert refused.value.status == "error_idempotency_key_reused"
    assert other.times == 0


async def test_another_request_is_refused_while_the_first_is_under_way(
    replies: KeptReplies,
) -> None:
    work = Work()
    first = asyncio.create_task(replies.once(APP, KEY, work, act_keeps=False))
    await asyncio.sleep(0)
    with pytest.raises(Refused):
        await replies.once(APP, REUSED, done(), act_keeps=False)
    work.go.set()
    assert (await first).status == "success_ok"


async def test_the_key_of_another_application_is_another_key(replies: KeptReplies) -> None:
    await replies.once(APP, KEY, done({"n": "1"}), act_keeps=False)
    other = await replies.once(OTHER_APP, REUSED, done({"n": "2"}), act_keeps=False)
    assert (other.body["n"], replayed(other)) == ("2", False)


async def test_of_many_at_once_one_is_carried_out(replies: KeptReplies) -> None:
    work = Work({"n": "1"})
    asked = [asyncio.create_task(replies.once(APP, KEY, work, act_keeps=False)) for _ in range(20)]
    await asyncio.sleep(0)
    work.go.set()
    answers = await asyncio.gather(*asked)
    assert work.times == 1
    assert [answer.body for answer in answers] == [answers[0].body] * 20
    assert sorted(map(replayed, answers)) == [False] + [True] * 19


async def test_whoever_waits_gets_a_refusal_too_though_it_is_not_kept(
    replies: KeptReplies,
) -> None:
    work = Work(error=Refused("error_session_not_ready"))
    asked = [asyncio.create_task(replies.once(APP, KEY, work, act_keeps=True)) for _ in range(3)]
    await asyncio.sleep(0)
    work.go.set()
    answers = await asyncio.gather(*asked)
    assert {answer.status for answer in answers} == {"error_session_not_ready"}
    assert work.times == 1
    assert (await replies.once(APP, KEY, done(), act_keeps=True)).status == "success_ok"


async def test_whoever_waits_for_one_that_broke_tries_itself(replies: KeptReplies) -> None:
    broken, good = Work(error=OSError("broken")), done()
    first = asyncio.create_task(replies.once(APP, KEY, broken, act_keeps=False))
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(replies.once(APP, KEY, good, act_keeps=False)) for _ in range(5)]
    await asyncio.sleep(0)
    broken.go.set()
    with pytest.raises(OSError, match="broken"):
        await first
    answers = await asyncio.gather(*waiting)
    assert {answer.status for answer in answers} == {"success_ok"}
    assert good.times == 1


async def test_one_that_goes_away_takes_nobody_along(replies: KeptReplies) -> None:
    work = Work()
    first = asyncio.create_task(replies.once(APP, KEY, work, act_keeps=False))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(replies.once(APP, KEY, done(), act_keeps=False))
    leaving = asyncio.create_task(replies.once(APP, KEY, done(), act_keeps=False))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0)
    first.cancel()
    assert (await waiting).status == "success_ok"
    assert leaving.cancelled()


async def test_nothing_is_remembered_in_memory(replies: KeptReplies) -> None:
    await asyncio.gather(
        *(
            replies.once(APP, RequestKey(str(n), "d" * 64), done(), act_keeps=False)
            for n in range(10)
        )
    )
    with pytest.raises(OSError, match="broken"):
        await replies.once(APP, KEY, done(error=OSError("broken")), act_keeps=False)
    assert replies._flights == {}


async def test_what_the_request_keeps_itself_is_not_written_twice(
    replies: KeptReplies, store: Store
) -> None:
    """The reply is on disk with what was done, before the request returns."""

    async def act() -> Mapping[str, object]:
        await store.submit(Writes(replies=accepted(APP, KEY, {})))
        return {}

    answer = await replies.once(APP, KEY, act, act_keeps=True)
    again = await replies.once(APP, KEY, done(), act_keeps=True)
    assert answer.body == again.body == {"status": "success_ok"}
    assert replayed(again)


def test_what_is_accepted_without_a_key_keeps_nothing() -> None:
    assert accepted(APP, None, {}) == ()
    [kept] = accepted(APP, KEY, {"session": "S1"})
    assert kept.reply == {"status": "success_ok", "session": "S1"}
    assert (kept.app_id, kept.key, kept.digest) == (APP, KEY.key, KEY.digest)


async def test_after_a_day_the_key_is_free(replies: KeptReplies, store: Store) -> None:
    day_ago_ms = clock.wall_ms(clock.now_s()) - KEPT_S * 1000
    old = IdempotentReply(APP, KEY.key, KEY.digest, {"status": "success_ok"}, day_ago_ms - 1)
    await store.submit(Writes(replies=(old,)))
    answer = await replies.once(APP, REUSED, done({"n": "2"}), act_keeps=False)
    assert (answer.body["n"], replayed(answer)) == ("2", False)
    again = await replies.once(APP, REUSED, done(), act_keeps=False)
    assert (again.body["n"], replayed(again)) == ("2", True)
