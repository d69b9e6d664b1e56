"""A process that is killed loses nothing: no call, no notification, no cent. `make crash` does more."""

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from acceptance.asking import rows
from acceptance.crashing import CrashRig, Phoenix, acknowledged, kill, terminal_ids, the_end
from acceptance.files import LONG, PATIENCE_S, FileServer
from acceptance.harness import READY_S, Customer, Onhook
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver

KILLS = 8


@pytest.fixture(scope="module")
def phoenix() -> Iterator[Phoenix]:
    one = Phoenix()
    yield one
    one.server.close()


@pytest.mark.slow
async def test_nothing_is_lost_by_random_kills() -> None:
    """Half a minute of it, and of each further part, is phones whose INVITE found no server: it comes again.

    A machine on which no call gets far within a second sees more kills, until one has caught a call.
    """
    async with CrashRig(seed=7) as rig:
        while (kills := rig.verdict.kills.total()) < KILLS or not rig.verdict.caught:
            assert kills < 4 * KILLS, str(rig.verdict)
            await rig.crash(calls=5, span_s=1.2, then_settle=kills == 3)
        await rig.settle()
    assert rig.verdict.clean, str(rig.verdict)
    assert rig.verdict.recovered > 0, str(rig.verdict)


async def test_a_call_that_was_playing_is_hung_up_billed_and_told_of(
    start: Callable[..., Onhook], again: Callable[[Onhook], Onhook],
    receiver: Receiver, phone: Phone, files: FileServer,
) -> None:  # fmt: skip
    server = start()
    customer = await Customer.make(server, receiver, phone)
    call, told = await customer.call()
    msg = f"<url>{files.serve('long.wav', LONG)}</url>"
    await customer.hangup(told["session"], msg=msg, notify_url=receiver.url("/end"), tag="t")
    await call.answered(30)
    await acknowledged(server, told["session"])
    await kill(server)
    await asyncio.to_thread(again, server)
    assert (await call.ended()).how is How.BYE_RECEIVED
    last = await the_end(receiver, told["session"])
    assert (last.path, last["ivr_block"], last["tag"]) == ("/end", "hangup", "t")
    assert (last["call_state"], last["ended_by"], last["cause"]) == ("ended", "system", "crash")
    assert (last["duration"], last["debit"]) == ("1", "0.020")
    assert last.headers["x-onhook-event"] == "2"
    assert terminal_ids(receiver) == {last.headers["webhook-id"]}
    assert call.complaints == []


async def test_a_call_that_was_ringing_is_rejected(
    phoenix: Phoenix, receiver: Receiver, phone: Phone
) -> None:
    server = phoenix.risen()
    customer = await Customer.make(server, receiver, phone)
    call, told = await customer.call()
    await call.ringing()
    await kill(server)
    await asyncio.to_thread(phoenix.again)
    ended = await call.ended()
    assert (ended.how, ended.code) == (How.REJECTED, 480)
    last = await the_end(receiver, told["session"])
    assert (last["ivr_block"], last["cause"], last["debit"]) == ("answer", "crash", "0.000")


@pytest.mark.slow
async def test_a_call_on_its_way_out_keeps_its_own_end(
    phoenix: Phoenix, receiver: Receiver, phone: Phone
) -> None:
    server = phoenix.risen()
    customer = await Customer.make(server, receiver, phone)
    call, told = await customer.call(answer_bye=False)
    await customer.hangup(told["session"], msg="Good bye.", notify_url=receiver.url("/end"))
    sent = len(await call.received("BYE", timeout_s=30))
    query = "SELECT state, duration_ms, ended_ms FROM calls WHERE session = ?"
    async with asyncio.timeout(PATIENCE_S):
        while (found := rows(server, query, told["session"]))[0][0] != "closing":
            await asyncio.sleep(0.01)
    end = found[0][1:]
    await kill(server)
    await asyncio.to_thread(phoenix.again)
    last = await the_end(receiver, told["session"])
    assert (last["ended_by"], last["cause"]) == ("application", "hangup")
    assert rows(server, query, told["session"]) == [("ended", *end)]
    await call.received("BYE", sent + 1)


@pytest.mark.slow
async def test_an_answer_that_was_not_recorded_is_taken_back(
    phoenix: Phoenix, receiver: Receiver, phone: Phone, files: FileServer
) -> None:
    """The 200 left, and the process died before that was on disk: the record still says ringing."""
    server = phoenix.risen()
    customer = await Customer.make(server, receiver, phone)
    call, told = await customer.call()
    query = "SELECT * FROM calls WHERE session = ?"
    [ringing] = rows(server, query, told["session"])
    msg = f"<url>{files.serve('long.wav', LONG)}</url>"
    await customer.hangup(told["session"], msg=msg, notify_url=receiver.url("/end"))
    await call.answered(30)
    await kill(server)
    with sqlite3.connect(server.data / "onhook.db") as database:
        marks = ",".join("?" * len(ringing))
        database.execute(f"REPLACE INTO calls VALUES ({marks})", ringing)
    database.close()
    await asyncio.to_thread(phoenix.again)
    assert (await call.ended()).how is How.BYE_RECEIVED
    last = await the_end(receiver, told["session"])
    assert (last["cause"], last["debit"]) == ("crash", "0.000")


async def test_the_receiver_is_told_once_however_often_the_process_dies(
    phoenix: Phoenix, receiver: Receiver, phone: Phone
) -> None:
    server = phoenix.risen()
    customer = await Customer.make(server, receiver, phone)
    call, told = await customer.call()
    await receiver.close()
    await kill(server)
    for _ in range(2):  # each recovers, and is killed before it could tell anybody
        server = await asyncio.to_thread(phoenix.again)
        await kill(server)
    await asyncio.to_thread(phoenix.again)
    async with receiver:
        last = await the_end(receiver, told["session"])
    assert (last["cause"], last.headers["x-onhook-event"]) == ("crash", "2")
    assert terminal_ids(receiver) == {last.headers["webhook-id"]}
    assert (await call.ended()).how is How.REJECTED
    query = "SELECT count(*) FROM notifications WHERE session = ?"
    assert rows(server, query, told["session"]) == [(2,)]


async def test_a_call_that_nobody_had_heard_of_begins_anew(
    phoenix: Phoenix, receiver: Receiver, phone: Phone
) -> None:
    """Nothing is said to a caller before the call is on disk, so its INVITE comes again."""
    server = phoenix.risen()
    customer = await Customer.make(server, receiver, phone)
    await kill(server)
    call = await phone.call(customer.number, server=server.sip)
    await asyncio.to_thread(phoenix.again)
    told = await receiver.next(to=customer.number)
    assert told["call_state"] == "ringing"
    await call.ringing()
    assert call.complaints == []


@pytest.mark.slow
async def test_another_worker_leaves_the_call_alone(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    server = start(worker="one")
    customer = await Customer.make(server, receiver, phone)
    _, told = await customer.call()
    await kill(server)
    other = Onhook({"worker": "two"}, data=server.data)
    try:
        assert rows(other, "SELECT state FROM calls") == [("ringing",)]
        assert rows(other, "SELECT DISTINCT owner FROM calls") == [("one",)]
    finally:
        other.close()
    back = Onhook({"worker": "one"}, data=server.data)
    try:
        assert (await the_end(receiver, told["session"]))["cause"] == "crash"
    finally:
        back.close()


def test_two_servers_on_one_data_directory_is_one_clear_sentence(phoenix: Phoenix) -> None:
    server = phoenix.risen()
    where = ["--http", "127.0.0.1:0", "--sip", "127.0.0.1:0", "--data", str(server.data)]
    ended = subprocess.run(
        [sys.executable, "-m", "onhook", "serve", *where],
        capture_output=True, text=True, timeout=READY_S, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    sentences = [line for line in ended.stderr.splitlines() if line.startswith("onhook: ")]
    assert len(sentences) == 1
    assert str(server.data) in sentences[0]
    assert "in use" in sentences[0]
    assert "Traceback" not in ended.stderr


async def test_a_record_that_cannot_be_read_does_not_stop_the_others(
    phoenix: Phoenix, receiver: Receiver, phone: Phone
) -> None:
    server = phoenix.risen()
    customer = await Customer.make(server, receiver, phone)
    _, told_broken = await customer.call()
    call, told = await customer.call()
    await kill(server)
    with sqlite3.connect(server.data / "onhook.db") as database:
        change = "UPDATE calls SET dialog = ? WHERE session = ?"
        database.execute(change, (json.dumps({"call_id": 1}), told_broken["session"]))
    database.close()
    await asyncio.to_thread(phoenix.again)
    assert (await call.ended()).how is How.REJECTED
    for one in (told, told_broken):
        assert (await the_end(receiver, one["session"]))["cause"] == "crash"


def test_the_lock_is_in_the_data_directory(phoenix: Phoenix) -> None:
    server = phoenix.risen()
    assert int((Path(server.data) / "server.lock").read_text()) == server.process.pid
