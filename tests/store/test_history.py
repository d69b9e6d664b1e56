"""The calls of an application, its numbers, and those of its account."""

from dataclasses import replace

import pytest

from onhook.store import Account, Application, CallRecord, IdempotentReply, Number, Store, Writes
from onhook.store.history import call_of, count_calls, list_calls
from onhook.store.kept_replies import kept_reply
from onhook.store.numbers import forward, numbers_of, numbers_of_application
from store.samples import APPLICATION, NUMBER, call

OTHER = Account("other", "other", "BB", "HKD", 1)
OTHERS_APP = Application("b" * 16, "else", "i" * 64, "x", "x", 1, OTHER.account_id)
OTHERS_NUMBER = Number("+6539999999", OTHERS_APP.app_id, "http://other.example/", 2)


@pytest.fixture(autouse=True)
async def accounts(store: Store) -> None:
    await store.add_account(OTHER)
    for application in (APPLICATION, OTHERS_APP):
        await store.add_application(application)


def others_call(session: str, **changes: object) -> CallRecord:
    return call(session, app_id=OTHERS_APP.app_id, account_id=OTHER.account_id, **changes)


async def test_a_call_is_found_by_its_reference(store: Store) -> None:
    await store.submit(Writes(calls=(call("S1"), others_call("S2"))))
    assert await call_of(store, "AA-C-S2") == others_call("S2")
    assert await call_of(store, "AA-C-S3") is None


async def test_the_newest_call_comes_first(store: Store) -> None:
    calls = [call(f"S{n}", began_ms=1000 + n) for n in range(5)]
    await store.submit(Writes(calls=(*calls, others_call("X", began_ms=1002))))
    assert await count_calls(store, APPLICATION.app_id, None, None) == 5
    assert (
        list(await list_calls(store, APPLICATION.app_id, None, None, skip=0, most=2))
        == calls[:2:-1]
    )
    assert (
        list(await list_calls(store, APPLICATION.app_id, None, None, skip=4, most=2)) == calls[:1]
    )
    assert list(await list_calls(store, APPLICATION.app_id, None, None, skip=5, most=2)) == []


async def test_calls_of_one_moment_are_neither_lost_nor_doubled_by_paging(store: Store) -> None:
    await store.submit(Writes(calls=tuple(call(f"S{n}") for n in range(7))))
    pages = [
        await list_calls(store, APPLICATION.app_id, None, None, skip=n, most=2)
        for n in range(0, 8, 2)
    ]
    assert sorted(one.session for page in pages for one in page) == [f"S{n}" for n in range(7)]


@pytest.mark.parametrize(
    ("from_ms", "until_ms", "sessions"),
    [
        (1001, 1003, ["S2", "S1"]),
        (1003, None, ["S3"]),
        (None, 1001, ["S0"]),
        (1004, None, []),
    ],
)
async def test_a_period_has_its_beginning_and_not_its_end(
    store: Store, from_ms: int | None, until_ms: int | None, sessions: list[str]
) -> None:
    await store.submit(Writes(calls=tuple(call(f"S{n}", began_ms=1000 + n) for n in range(4))))
    found = await list_calls(store, APPLICATION.app_id, from_ms, until_ms, skip=0, most=100)
    assert [one.session for one in found] == sessions
    assert await count_calls(store, APPLICATION.app_id, from_ms, until_ms) == len(sessions)


async def test_numbers_are_those_of_the_account(store: Store) -> None:
    another = replace(NUMBER, number="+6530000000")
    for number in (NUMBER, OTHERS_NUMBER, another):
        await store.add_number(number)
    assert list(await numbers_of(store, "main")) == [another, NUMBER]
    assert list(await numbers_of(store, "other")) == [OTHERS_NUMBER]
    assert list(await numbers_of(store, "nobody")) == []
    assert list(await numbers_of_application(store, APPLICATION.app_id)) == [another, NUMBER]
    assert list(await numbers_of_application(store, "nobody")) == []


async def test_a_number_is_forwarded_and_the_reply_is_kept_with_it(store: Store) -> None:
    await store.add_number(NUMBER)
    await store.add_number(OTHERS_NUMBER)
    reply = IdempotentReply(APPLICATION.app_id, "k", "d" * 64, {}, 5)
    await forward(store, NUMBER.number, "https://new.example/", (reply,))
    assert await store.number(NUMBER.number) == replace(NUMBER, forward_to="https://new.example/")
    assert await store.number(OTHERS_NUMBER.number) == OTHERS_NUMBER
    assert await kept_reply(store, APPLICATION.app_id, "k", 5) == reply
