"""``onhook calls`` and ``onhook notifications``, while a server runs and while none does."""

import asyncio
import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from acceptance.harness import Callee, Customer, Onhook
from acceptance.talking import until
from acceptance.test_dial import dialled
from onhook.cli.main import app
from onhook.testing.phone import Phone
from onhook.testing.receiver import Notification, Receiver, Reply


async def command(server: Onhook, *arguments: str) -> str:
    """What a command prints; it must succeed."""
    ended = await asyncio.to_thread(run, server, *arguments)
    assert ended.exit_code == 0, ended.stderr
    return ended.stdout


def run(server: Onhook, *arguments: str) -> Result:
    """Runs a command in this process: a new one takes a second to start."""
    url = {"ONHOOK_DATABASE_URL": server.settings.get("database_url", "")}
    return CliRunner().invoke(app, [*arguments, "--data", str(server.data)], env=url)


async def ended_call(customer: Customer) -> tuple[Notification, Notification]:
    """A call that is over; what was told of its begin and of its end."""
    call, told = await customer.call()
    await customer.hangup(told["session"], notify_url=customer.receiver.url("/end"), tag="[red]x")
    await call.ended()
    return told, await customer.receiver.next(session=told["session"])


async def shown(server: Onhook, session: str) -> dict[str, object]:
    """`calls show`, once every notification of the call is delivered."""
    while True:
        report = json.loads(await command(server, "calls", "show", session, "--json"))
        if all(one["state"] == "delivered" for one in report["notifications"]):
            return dict(report)


async def test_calls_are_listed(customer: Customer) -> None:
    told, last = await ended_call(customer)
    ringing, told_ringing = await customer.call()
    mine = ["--app", customer.app_id, "--since", "1h"]
    listed = json.loads(await command(customer.server, "calls", "list", "--json", *mine))
    assert [one["session"] for one in listed] == [told_ringing["session"], told["session"]]
    assert listed[1]["debit"] == last["debit"]
    table = await command(customer.server, "calls", "list", *mine)
    assert told["session"] in table
    assert told_ringing["session"] in table
    only = await command(customer.server, "calls", "list", "--state", "ended", "--json", *mine)
    assert [one["session"] for one in json.loads(only)] == [told["session"]]
    rows = await command(customer.server, "calls", "list", "--csv", "--limit", "1", *mine)
    [row] = csv.DictReader(io.StringIO(rows))
    assert (row["session"], row["from_number"]) == (told_ringing["session"], told_ringing["from"])
    await ringing.cancel()


async def test_a_call_is_shown_with_its_bill_and_what_was_told(customer: Customer) -> None:
    told, last = await ended_call(customer)
    report = await shown(customer.server, told["session"])
    assert report["txn_ref"] == last["txn_ref"]
    assert report["debit"] == last["debit"]
    notifications = report["notifications"]
    assert isinstance(notifications, list)
    assert [one["notification_id"] for one in notifications] == [
        told.headers["webhook-id"],
        last.headers["webhook-id"],
    ]
    assert notifications[1]["fields"]["debit"] == last["debit"]
    assert [[tried["status"] for tried in one["tried"]] for one in notifications] == [[200], [200]]
    text = await command(customer.server, "calls", "show", last["txn_ref"])
    for part in (told["session"], last["cause"], f"SGD {last['debit']}", "[red]x", "delivered"):
        assert part in text


async def test_a_call_of_ours_is_found_by_its_number_its_trunk_and_its_outcome(
    customer: Customer, callee: Callee
) -> None:
    """While it rings, and when it is over."""
    call, reply = await dialled(customer, callee)
    trunk = ["--trunk", f"t{callee.line.port}", "--number", call.called, "--json"]
    for outcome in ([], ["--outcome", "busy"]):
        if outcome:
            call.reject(486)
            await customer.receiver.next(session=reply["session"])
        found = json.loads(await command(customer.server, "calls", "list", *trunk, *outcome))
        assert [one["session"] for one in found] == [reply["session"]]
        assert found[0]["trunk"] == trunk[1]
    found = json.loads(await command(customer.server, "calls", "find", call.called, "--json"))
    assert [one["session"] for one in found] == [reply["session"]]


async def test_notifications_are_listed_and_shown(customer: Customer) -> None:
    told, last = await ended_call(customer)
    await shown(customer.server, told["session"])
    of_it = ["--session", told["session"], "--state", "delivered"]
    listed = json.loads(await command(customer.server, "notifications", "list", "--json", *of_it))
    assert [one["sequence"] for one in listed] == [2, 1]
    assert last.headers["webhook-id"] in await command(
        customer.server, "notifications", "list", *of_it
    )
    text = await command(customer.server, "notifications", "show", last.headers["webhook-id"])
    assert last["txn_ref"] in text


async def test_a_delivered_notification_goes_out_again(customer: Customer) -> None:
    told, last = await ended_call(customer)
    await shown(customer.server, told["session"])
    which = last.headers["webhook-id"]
    await command(customer.server, "notifications", "replay", which)
    arrived = customer.receiver.notifications
    await until(lambda: len(arrived) == 3, "what goes out again")
    again = arrived[-1]
    assert again.headers["webhook-id"] == which
    assert again.headers["x-onhook-event"] == last.headers["x-onhook-event"]
    assert again.body == last.body
    await shown(customer.server, told["session"])
    report = json.loads(await command(customer.server, "notifications", "show", which, "--json"))
    assert [(one["number"], one["status"]) for one in report["tried"]] == [(1, 200), (2, 200)]


async def test_a_notification_that_was_given_up_goes_out_after_the_next_start(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    server = start()
    customer = await Customer.make(server, receiver, phone)
    receiver.reply_with(Reply(status=410))
    call, told = await customer.call()
    await customer.hangup(told["session"], notify_url=receiver.url("/end"))
    await call.ended()
    await receiver.next(session=told["session"])
    assert await asyncio.to_thread(server.stop) == 0
    which = told.headers["webhook-id"]
    text = await command(server, "notifications", "list", "--state", "given_up")
    assert which in text
    await command(server, "notifications", "replay", which)
    next_server = Onhook(server.settings, data=server.data)
    try:
        again = await receiver.next(session=told["session"])
    finally:
        next_server.close()
    assert (again.headers["webhook-id"], again.body) == (which, told.body)


async def test_what_still_goes_out_by_itself_is_not_replayed(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    server = start(retry_schedule="600")
    customer = await Customer.make(server, receiver, phone)
    receiver.reply_with(Reply(status=500))
    _, told = await customer.call()
    ended = await asyncio.to_thread(
        run, server, "notifications", "replay", told.headers["webhook-id"]
    )
    assert ended.exit_code == 1
    assert "still pending" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["calls", "show", "Snobody"], "There is no call 'Snobody'"),
        (["notifications", "show", "msg_x"], "There is no notification 'msg_x'"),
        (["notifications", "replay", "msg_x"], "There is no notification 'msg_x'"),
        (["calls", "list", "--since", "soon"], "--since cannot be used"),
        (["calls", "list", "--json", "--csv"], "--json and --csv"),
    ],
)
def test_a_mistake_is_one_clear_sentence(
    server: Onhook, arguments: list[str], sentence: str
) -> None:
    ended = run(server, *arguments)
    assert ended.exit_code == 1
    assert ended.stderr.startswith("onhook: ")
    assert sentence in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_the_server_does_not_import_what_it_does_not_use() -> None:
    """Start-up time: each of these costs tens of milliseconds or more."""
    used = "import sys, onhook.cli.serving, onhook.server.switch; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", used], capture_output=True, check=True)
    modules = set(done.stdout.decode().split())
    assert "onhook.store" in modules
    assert not modules & {"asyncpg", "sqlalchemy.dialects.postgresql", "alembic"}
