"""How a call that a crash cut off is recorded to have ended."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from onhook.calls import dialogs
from onhook.calls.dialogs import OpenDialog
from onhook.calls.recovery import ended, settle
from onhook.phone.dialog import DialogRecord
from onhook.phone.pending import PendingInvite
from onhook.store import Store, StoredDialogs, WorkerAlive, Writes
from onhook.store.orphans import last_alive, orphans
from store.samples import ACCOUNT, APPLICATION, call

CONTACT = {"contact_block": "play", "contact_url": "http://a.example/", "contact_tag": "t"}
LEFT = StoredDialogs()
MS = st.integers(0, 10_000_000)


@given(MS, MS, MS | st.none(), MS | st.none(), MS, MS, MS, MS | st.none())
def test_never_beyond_the_last_moment_known(
    answered: int,
    written: int,
    answered_ms: int | None,
    alive: int | None,
    began_ms: int,
    written_ms: int,
    now_ms: int,
    alive_ms: int | None,
) -> None:
    """Whatever the wall clock was set to meanwhile (``_ms``), the monotonic one counts."""
    record = call(
        began_ms=began_ms, written_ms=written_ms, answered_ms=answered_ms, state="running",
        boot_id="b", written_mono_ms=written,
        answered_mono_ms=None if answered_ms is None else answered,
    )  # fmt: skip
    beat = None if alive is None else WorkerAlive("me", alive_ms or 0, alive, "b")
    record, _ = ended(record, beat, now_ms)
    assert record.ended_ms is not None
    assert began_ms <= record.ended_ms <= max(began_ms, now_ms)
    if answered_ms is None:
        assert (record.duration_ms, record.minutes, record.debit) == (0, 0, "0.000")
    else:
        assert record.duration_ms == max(0, max(written, alive or 0) - answered)
        assert record.minutes == max(1, -(-record.duration_ms // 60_000))
        assert Decimal(record.debit) == Decimal("0.020") * record.minutes
    assert (record.state, record.ended_by, record.cause) == ("ended", "system", "crash")


def dialog_record(next_cseq: int) -> DialogRecord:
    return DialogRecord(
        call_id="x",
        local="<sip:a@127.0.0.1>;tag=1",
        remote="<sip:b@127.0.0.1>;tag=2",
        next_cseq=next_cseq,
        request_uri="sip:b@127.0.0.1",
        routes=(),
        destination=("127.0.0.1", 5060),
    )


def test_an_answer_that_was_never_acknowledged_costs_nothing() -> None:
    invite = PendingInvite("INVITE sip:a@x SIP/2.0", ("192.0.2.9", 5060))
    waiting = replace(dialog_record(1), pending=invite)
    unheard = call(
        state="running",
        answered_ms=2000,
        written_ms=5000,
        dialog=dialogs.kept([OpenDialog(waiting)]),
    )
    record, _ = ended(unheard, WorkerAlive("me", 90_000), 99_000)
    assert (record.answered_ms, record.duration_ms, record.debit) == (None, 0, "0.000")
    heard = replace(unheard, dialog=dialogs.kept([OpenDialog(dialog_record(1))]))
    assert ended(heard, WorkerAlive("me", 90_000), 99_000)[0].minutes == 2


def test_the_heartbeat_counts_and_so_does_the_calls_own_last_write() -> None:
    record = call(
        state="running", answered_ms=2000, written_ms=5000,
        boot_id="b", answered_mono_ms=12_000, written_mono_ms=15_000,
    )  # fmt: skip
    assert ended(record, WorkerAlive("me", 1, 14_000, "b"), 99_000)[0].duration_ms == 3000
    later = ended(record, WorkerAlive("me", 1, 80_000, "b"), 99_000)[0]
    assert (later.duration_ms, later.minutes, later.ended_ms) == (68_000, 2, 70_000)
    assert ended(record, None, 99_000)[0].duration_ms == 3000


def test_a_heartbeat_of_another_boot_says_nothing() -> None:
    record = call(
        state="running", answered_ms=2000, written_ms=5000,
        boot_id="b", answered_mono_ms=12_000, written_mono_ms=15_000,
    )  # fmt: skip
    after, _ = ended(record, WorkerAlive("me", 90_000, 9_000_000, "another"), 99_000)
    assert (after.duration_ms, after.ended_ms) == (3000, 5000)


def test_what_an_older_version_left_is_billed_by_the_wall_clock() -> None:
    record = call(state="running", answered_ms=2000, written_ms=5000)
    assert ended(record, WorkerAlive("me", 4000), 99_000)[0].duration_ms == 3000
    assert ended(record, WorkerAlive("me", 70_000), 99_000)[0].minutes == 2
    assert ended(record, None, 99_000)[0].duration_ms == 3000


def test_a_call_on_its_way_out_keeps_its_own_end() -> None:
    record = call(
        state="closing", answered_ms=1000, written_ms=9000, ended_ms=8000, duration_ms=7000,
        billed_s=60, minutes=1, debit="0.020", ended_by="application", cause="hangup", **CONTACT,
    )  # fmt: skip
    after, told = ended(record, WorkerAlive("me", 60_000_000), 70_000_000)
    assert (after.ended_ms, after.duration_ms, after.cause) == (8000, 7000, "hangup")
    [notification] = told
    fields = notification.fields
    assert (fields["ended_by"], fields["cause"]) == ("application", "hangup")
    assert (fields["duration"], fields["debit"]) == ("1", "0.020")


def test_who_is_told() -> None:
    record = call(state="running", dialog=LEFT, sequence=3, **CONTACT)
    after, [told] = ended(record, None, 5000)
    assert (told.sequence, after.sequence, told.url.text) == (4, 4, "http://a.example/")
    fields = told.fields
    assert (fields["ivr_block"], fields["tag"], fields["call_state"]) == ("play", "t", "ended")
    assert after.dialog == LEFT  # it is still to be ended at the phone
    assert ended(call(state="running"), None, 5000)[1] == ()


async def test_every_start_has_a_number_of_the_dialog_to_itself(tmp_path: Path) -> None:
    store = await Store.open(tmp_path)
    await store.add_account(ACCOUNT)
    await store.add_application(APPLICATION)
    first, second = dialog_record(next_cseq=5), dialog_record(next_cseq=9)
    stored = dialogs.kept([OpenDialog(first), OpenDialog(second, "t1")])
    await store.submit(Writes(calls=(call("S1", state="running", dialog=stored),)))
    for more in (1, 2):
        [record] = await settle(store, "me", await orphans(store, "me"))
        left = dialogs.read(record.dialog)
        assert [one.record.next_cseq for one in left] == [5 + more, 9 + more]
        assert [one.trunk for one in left] == ["", "t1"]
        assert await store.call("S1") == record
    await store.close()


async def test_settling_twice_is_settling_once(tmp_path: Path) -> None:
    store = await Store.open(tmp_path)
    await store.add_account(ACCOUNT)
    await store.add_application(APPLICATION)
    live = call("S1", state="running", dialog=LEFT, answered_ms=1000, written_ms=3000, **CONTACT)
    others = call("S2", owner="another", state="running", dialog=LEFT)
    over = call("S3", state="ended", ended_ms=1)
    alive = WorkerAlive("me", 61_500)
    await store.submit(Writes(calls=(live, others, over), alive=alive))
    await store.submit(Writes(alive=WorkerAlive("another", 1)))
    assert await last_alive(store, "me") == alive
    assert await last_alive(store, "nobody") is None
    for _ in range(2):
        assert [
            record.session for record in await settle(store, "me", await orphans(store, "me"))
        ] == ["S1"]
        record = await store.call("S1")
        assert record is not None
        assert (record.state, record.duration_ms, record.debit) == ("ended", 60_500, "0.040")
        assert [told.sequence for told in await store.undelivered("me")] == [1]
        ledger = await store.database.query(text("SELECT amount_micros FROM ledger"))
        assert [tuple(row) for row in ledger] == [(-40_000,)]
    assert await store.call("S2") == others
    assert [record.session for record in await orphans(store, "another")] == ["S2"]
    await store.close()
