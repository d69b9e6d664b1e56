"""The switch dies at a point that a test names, with its data on PostgreSQL: the tests of another module, and
what only a server between can do, such as going on with the commit of a process that is dead."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from acceptance import test_dies_at_a_point as at_a_point
from acceptance.asking import OK
from acceptance.harness import Onhook, TrunkLine, lay_trunk
from acceptance.talking import until
from acceptance.test_dies_at_a_point import HOOKS, TRUSTED, Doomed
from onhook.testing.call_log import How
from store.postgresql import PostgreSQL

pytestmark = pytest.mark.slow

doomed = at_a_point.doomed
test_a_caller_who_gives_up_is_told_of = at_a_point.test_a_caller_who_gives_up_is_told_of
test_a_key_in_the_middle_counts_once = at_a_point.test_a_key_in_the_middle_counts_once
test_a_request_is_carried_out_once = at_a_point.test_a_request_is_carried_out_once
test_a_room_outlives_whoever_cannot_be_taken_over = (
    at_a_point.test_a_room_outlives_whoever_cannot_be_taken_over
)
test_an_answer_is_the_same_whichever_process_gives_it = (
    at_a_point.test_an_answer_is_the_same_whichever_process_gives_it
)
test_last_words_are_over_for_the_second_switch_after_as_well = (
    at_a_point.test_last_words_are_over_for_the_second_switch_after_as_well
)
test_somebody_who_is_called_answers_once = at_a_point.test_somebody_who_is_called_answers_once
test_the_end_of_a_message_is_told_once = at_a_point.test_the_end_of_a_message_is_told_once
test_the_last_key_counts_once = at_a_point.test_the_last_key_counts_once
test_two_who_are_called_by_one_request_are_called_once = (
    at_a_point.test_two_who_are_called_by_one_request_are_called_once
)
test_what_a_request_said_is_heard_once_through_two_deaths = (
    at_a_point.test_what_a_request_said_is_heard_once_through_two_deaths
)
test_what_begins_with_the_ack_is_heard_once = at_a_point.test_what_begins_with_the_ack_is_heard_once
test_who_takes_over_may_die_in_the_middle_of_it = (
    at_a_point.test_who_takes_over_may_die_in_the_middle_of_it
)
test_whoever_comes_into_a_room_leaves_nobody_out_of_it = (
    at_a_point.test_whoever_comes_into_a_room_leaves_nobody_out_of_it
)

COMMIT_LATE = """
CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_lock_shared(1);
  PERFORM pg_advisory_unlock_shared(1);
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT OR UPDATE ON calls DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION late();
"""
"""While a test has this lock, the server waits in the middle of commits of calls; who asked may be dead."""
WHO_WAITS = "FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
WAITS = f"SELECT count(*) {WHO_WAITS}"
WAITS_FOR_LEASE = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%leases%'"
)


@pytest.fixture(scope="module")
def doomed_server(
    postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Onhook, Path]]:
    where = tmp_path_factory.mktemp("dies") / "at"
    environment = {"PYTHONPATH": str(HOOKS), "TEST_DIES_AT": str(where)}
    settings = {**TRUSTED, "database_url": postgresql.new_database()}
    running = Onhook(settings, environment=environment)
    yield running, where
    running.close()


@pytest.fixture(scope="module")
def line(doomed_server: tuple[Onhook, Path]) -> TrunkLine:
    return lay_trunk(doomed_server[0])


async def test_the_next_switch_waits_for_the_commit_of_the_dead_one(doomed: Doomed) -> None:
    """A key was pressed, and the server is in the middle of the commit when the switch dies: what that makes
    durable is what the next one begins with."""
    stage = doomed.stage
    url = stage.server.settings["database_url"]
    call, session = await stage.answered("middle/gather", max_digits="1")
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(COMMIT_LATE)
        await connection.execute("SELECT pg_advisory_lock(1)")
        before = stage.server.pid("switch")
        await call.send_digits("7")
        await _until(connection, WAITS)
        assert await stage.server.strike("switch")
        await _until(connection, WAITS_FOR_LEASE)
        assert stage.record(session)["state"] == "running"
        await connection.execute("SELECT pg_advisory_unlock(1)")
        await stage.server.serves("switch", before)
    finally:
        await connection.execute("SELECT pg_advisory_unlock_all()")
        await connection.execute("DROP TRIGGER late ON calls; DROP FUNCTION late")
        await connection.close()
    told = await stage.receiver.next(session=session, ivr_block="gather")
    assert told["digits"] == "7"
    await stage.customer.block("end/hangup", session, msg=stage.beep)
    assert (await call.ended()).how is How.BYE_RECEIVED
    await stage.ended(session, "application", "hangup")


async def test_numbers_rise_where_a_switch_dies_before_it_has_written_one(doomed: Doomed) -> None:
    """It has sent a BYE, and what it wrote when it took over was never committed."""
    stage = doomed.stage
    call, session = await stage.waiting()
    connection = await asyncpg.connect(stage.server.settings["database_url"])
    url = stage.receiver.url("/end")
    asked = {"session": session, "notify_url": url, "force": "enabled"}
    try:
        await connection.execute(COMMIT_LATE)
        await connection.execute("SELECT pg_advisory_lock(1)")
        assert await stage.server.strike("switch")
        await _until(connection, WAITS)  # what the next one writes when it takes over
        before = stage.server.pid("switch")
        asking = asyncio.ensure_future(doomed.repeated("ivr/end/hangup", "k", **asked))
        await call.received("BYE")
        assert await stage.server.strike("switch")
        await connection.execute(f"SELECT pg_terminate_backend(pid) {WHO_WAITS}")
        await connection.execute("SELECT pg_advisory_unlock(1)")
        await stage.server.serves("switch", before)
        assert await asking == OK
    finally:
        await connection.execute("SELECT pg_advisory_unlock_all()")
        await connection.execute("DROP TRIGGER late ON calls; DROP FUNCTION late")
        await connection.close()
    await stage.receiver.next(session=session, call_state="ended")
    await until(lambda: len(call.log.received("BYE")) > 1, "the second BYE")
    assert call.complaints == []


async def _until(connection: asyncpg.Connection, query: str) -> None:
    """Looks again and again until there is any of it."""
    async with asyncio.timeout(60):
        while not await connection.fetchval(query):
            await asyncio.sleep(0.02)
