"""The same calls on PostgreSQL: tests of other modules, with servers that keep their data there."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from acceptance.harness import Customer, Onhook
from acceptance.test_first_call import (
    test_both_signatures_verify as test_both_signatures_verify,
)
from acceptance.test_first_call import test_the_whole_story as test_the_whole_story
from acceptance.test_operating import onhook, refused, settings_of_serve
from acceptance.test_operator_commands import (
    test_a_delivered_notification_goes_out_again as test_a_delivered_notification_goes_out_again,
)
from acceptance.test_tokens import (
    test_a_further_token_opens_the_api_until_it_is_revoked as test_a_further_token_opens_the_api_until_it_is_revoked,  # noqa: E501
)
from console.conftest import signed_in as signed_in
from console.test_story import (
    test_a_story_has_all_that_passed as test_a_story_has_all_that_passed,
)
from console.test_story import (
    test_calls_are_found_by_number_time_and_outcome as test_calls_are_found_by_number_time_and_outcome,
)
from onhook.store import Keyring
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver
from store.postgresql import PASSWORD, PostgreSQL


@pytest.fixture(scope="module")
def server(postgresql: PostgreSQL) -> Iterator[Onhook]:
    running = Onhook({"database_url": postgresql.new_database()})
    yield running
    running.close()


@pytest.fixture
def start(postgresql: PostgreSQL) -> Iterator[Callable[..., Onhook]]:
    """Starts servers with settings and databases of their own."""
    started: list[Onhook] = []

    def start_one(**settings: str) -> Onhook:
        started.append(Onhook({"database_url": postgresql.new_database(), **settings}))
        return started[-1]

    yield start_one
    for one in started:
        one.close()


async def test_a_call_outlives_a_restart_of_the_database(receiver: Receiver, phone: Phone) -> None:
    with PostgreSQL() as database:
        server = Onhook({"database_url": database.new_database()})
        try:
            customer = await Customer.make(server, receiver, phone)
            call, told = await customer.call()
            await asyncio.to_thread(database.stop)
            await asyncio.to_thread(database.start)
            done = await customer.hangup(told["session"], notify_url=receiver.url("/end"))
            assert done == {"status": "success_ok"}
            await call.ended()
            last = await receiver.next(session=told["session"])
            assert (last["call_state"], last["cause"]) == ("ended", "rejected")
            assert PASSWORD not in server.log
        finally:
            server.close()


async def test_the_data_directory_holds_no_database(customer: Customer) -> None:
    assert customer.server.settings["database_url"]
    assert not list(customer.server.data.glob("onhook.db*"))


def test_a_database_that_is_away_is_one_clear_sentence(tmp_path: Path) -> None:
    """In a data directory that a server has made, when the database was there."""
    Keyring.open(tmp_path)
    url = "postgresql://onhook:s3cret@127.0.0.1:1/onhook"
    ports = ["--http", "127.0.0.1:0", "--sip", "127.0.0.1:0", "--data", str(tmp_path)]
    serve = onhook("serve", *ports, "--database-url", url)
    calls = refused("calls", "list", "--data", str(tmp_path), ONHOOK_DATABASE_URL=url)
    assert serve.returncode == calls.exit_code == 1
    for ended in (serve, calls):
        [sentence] = [line for line in ended.stderr.splitlines() if line.startswith("onhook: ")]
        assert "127.0.0.1:1/onhook cannot be reached: Connection refused" in sentence
        assert "s3cret" not in ended.stderr + ended.stdout
        assert "Traceback" not in ended.stderr
    by_variable = settings_of_serve(*ports, ONHOOK_DATABASE_URL=url)
    assert by_variable.database_url.get_secret_value() == url


def test_the_server_ends_with_the_database_away(start: Callable[..., Onhook]) -> None:
    with PostgreSQL() as database:
        server = start(database_url=database.new_database())
        database.stop()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 0
