"""What became of a call, in the words of the API."""

from dataclasses import replace

import pytest

from onhook.api.call_status import call_fields, call_status
from onhook.blocks.account import CALL_STATUSES, QUERY_STATUS
from onhook.blocks.declaration import ALWAYS
from onhook.store import CallRecord

RINGING = CallRecord(
    session="S1",
    txn_ref="AA-C-1",
    app_id="a",
    owner="me",
    state="ringing",
    from_number="+6598765432",
    to_number="+6531234567",
    began_ms=1_359_608_759_000,
    currency="SGD",
    rate="0.020",
    tag="order 7",
)
ENDED = replace(RINGING, state="ended", ended_ms=1_359_608_860_000, cause="hangup")


@pytest.mark.parametrize("state", ["ringing", "waiting", "running", "ending", "closing"])
def test_a_call_is_ongoing_until_its_end_is_written(state: str) -> None:
    assert call_status(replace(RINGING, state=state, answered_ms=2)) == "ongoing"


@pytest.mark.parametrize("cause", ["hangup", "forced_hangup", "no_ack", "crash", "media_lost"])
def test_a_call_that_was_answered_is_answered_however_it_ended(cause: str) -> None:
    assert call_status(replace(ENDED, answered_ms=2, cause=cause)) == "answered"


@pytest.mark.parametrize(
    ("cause", "status"),
    [
        ("rejected", "busy"),
        ("cancelled", "unanswered"),
        ("ring_timeout", "unanswered"),
        ("hangup", "unanswered"),
        ("no_ack", "failed"),
        ("shutdown", "failed"),
        ("crash", "failed"),
        ("anything else", "failed"),
    ],
)
def test_a_call_that_was_never_answered(cause: str, status: str) -> None:
    assert call_status(replace(ENDED, cause=cause)) == status
    assert status in CALL_STATUSES


def test_an_ongoing_call_has_neither_duration_nor_debit() -> None:
    fields = call_fields(RINGING)
    assert list(fields) == [field.name for field in QUERY_STATUS.fields if field.when == ALWAYS]
    assert (fields["txn_ref"], fields["tag"]) == ("AA-C-1", "order 7")
    assert (fields["dest1"], fields["dest2"]) == ("+6598765432", "+6531234567")
    assert {fields[name] for name in fields if name.startswith("call_status")} == {"ongoing"}


def test_an_ended_call_has_every_field_of_its_declaration() -> None:
    fields = call_fields(replace(ENDED, answered_ms=2, minutes=2, rate="0.0205", debit="0.041"))
    assert list(fields) == [field.name for field in QUERY_STATUS.fields]
    assert fields["date"] == "2013-01-31 13:05:59"
    bill = ("duration", "currency", "rate", "debit")
    assert [fields[name] for name in bill] == ["2", "SGD", "0.021", "0.041"]
