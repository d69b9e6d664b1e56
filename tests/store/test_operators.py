"""Operators, their sessions, failed sign-ins and the audit, on both databases."""

from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, Executable, delete, text, update
from sqlalchemy.exc import DBAPIError

from onhook.store import Store, schema
from onhook.store.audit import audit_entries, write_audit
from onhook.store.connecting import connect
from onhook.store.failed_sign_ins import (
    FailedSignIns,
    attempt_succeeded,
    begin_attempt,
    of_address,
    of_name,
)
from onhook.store.migrations import migrate
from onhook.store.noted import AuditEntry
from onhook.store.operators import (
    ConsoleSession,
    Operator,
    add_operator,
    begin_session,
    change_operator,
    end_session,
    is_any,
    operator_named,
    remove_operator,
    session_of,
)

MEI = Operator("mei", "look", "scrypt$…", 5)


async def test_an_operator_has_sessions_that_end_with_role_and_removal(store: Store) -> None:
    assert not await is_any(store)
    assert await add_operator(store, MEI)
    assert not await add_operator(store, MEI), "the name is taken"
    assert await is_any(store)
    assert await begin_session(store, ConsoleSession("one", "mei", 10, 10), 0)
    assert await begin_session(store, ConsoleSession("two", "mei", 20, 20), 0)
    found = await session_of(store, "one")
    assert found is not None
    assert (found[0].created_ms, found[1].name, found[1].seen_ms) == (10, "mei", 20)
    assert await change_operator(store, "mei", {"password": "other"}, keep="two")
    assert await session_of(store, "one") is None
    assert await session_of(store, "two") is not None
    assert await change_operator(store, "mei", {"role": "operate"})
    assert await session_of(store, "two") is None
    assert await begin_session(store, ConsoleSession("three", "mei", 30, 30), 0)
    assert await remove_operator(store, "mei")
    assert not await remove_operator(store, "mei")
    assert await session_of(store, "three") is None
    assert await operator_named(store, "mei") is None
    assert not await begin_session(store, ConsoleSession("four", "mei", 40, 40), 0)


async def test_sessions_that_are_too_old_are_forgotten_when_another_begins(store: Store) -> None:
    await add_operator(store, MEI)
    await begin_session(store, ConsoleSession("old", "mei", 10, 10), 0)
    await begin_session(store, ConsoleSession("used", "mei", 10, 90), 0)
    await begin_session(store, ConsoleSession("new", "mei", 100, 100), over_ms=50)
    assert await session_of(store, "old") is None
    assert await session_of(store, "used") is not None
    await end_session(store, "used")
    assert await session_of(store, "used") is None


def _locks_third(failed: FailedSignIns) -> FailedSignIns:
    failures = failed.failures + 1
    return FailedSignIns(failed.subject, failures, 0, 100 * failures if failures >= 3 else 0)


async def test_failed_sign_ins_are_counted_and_a_lock_counts_nothing(store: Store) -> None:
    both = [of_name("mei"), of_address("192.0.2.7")]
    locks = [await begin_attempt(store, both, now, 0, _locks_third) for now in (1, 2, 3, 4)]
    assert locks == [0, 0, 0, 300]
    assert await begin_attempt(store, [of_name("mei"), of_address("192.0.2.8")], 5, 0, _locks_third)
    await attempt_succeeded(store, "mei", "192.0.2.7")
    assert await begin_attempt(store, both, 6, 0, _locks_third) == 0, "the name begins anew"
    assert await begin_attempt(store, both, 7, 0, _locks_third) == 300, "the address does not"
    assert await begin_attempt(store, both, 1000, 999, _locks_third) == 0, "all that is long ago"


def test_names_are_not_kept_and_a_network_of_one_machine_is_one_address() -> None:
    assert "correct horse" not in of_name("correct horse")
    assert of_address("2001:db8::1") == of_address("2001:db8::ffff:2")
    assert of_address("2001:db8::1") != of_address("2001:db8:0:1::1")
    assert of_address("192.0.2.7") != of_address("192.0.2.8")


async def test_the_audit_is_listed_newest_first_and_narrowed(store: Store) -> None:
    for number in range(5):
        who = "mei" if number % 2 else "root"
        await write_audit(
            store, AuditEntry(who, "cli", "app remove", f"a{number}", at_ms=number + 1)
        )
    await write_audit(store, AuditEntry("mei", "console", "number remove", "n"))
    newest = await audit_entries(store, most=2)
    assert [one.which for one in newest] == ["n", "a4"]
    assert newest[0].at_ms > 1_000_000_000_000
    older = await audit_entries(store, before=newest[-1].entry, most=2)
    assert [one.which for one in older] == ["a3", "a2"]
    assert [one.which for one in await audit_entries(store, who="mei")] == ["n", "a3", "a1"]
    assert [one.which for one in await audit_entries(store, what="number")] == ["n"]
    assert await audit_entries(store, what="%") == []


@pytest.mark.parametrize("way", ["created", "migrated"])
async def test_the_audit_cannot_be_changed_or_taken_away(
    tmp_path: Path, database_url: str, way: str
) -> None:
    if way == "migrated":
        database = connect(tmp_path, database_url)
        await database.migrate(migrate)
        await database.close()
    store = await Store.open(tmp_path, database_url)
    await write_audit(store, AuditEntry("mei", "console", "app remove", "a"))
    table = schema.audit
    statements: list[Executable] = [
        update(table).values(who="nobody"),
        delete(table),
        delete(table).where(table.c.who == "mei"),
        *([text("TRUNCATE audit")] if database_url else []),
    ]
    for statement in statements:
        with pytest.raises(DBAPIError, match="append-only"):
            await store.database.transact(partial(Connection.execute, statement=statement))
    assert [one.who for one in await audit_entries(store)] == ["mei"]
    await store.close()
