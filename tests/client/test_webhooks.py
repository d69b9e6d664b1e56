"""Who sent a notification, and what it tells."""

import json
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from urllib.parse import urlencode

import pytest

from onhook.api import reference
from onhook.blocks import BLOCKS, NOTICES
from onhook.blocks.hangup import HANGUP
from onhook.client import NoReply, NotSigned, webhooks
from onhook.client.notifications import AnswerNotification, HangupNotification
from onhook.notify.signatures import hoiio_signature, webhook_headers

TOKEN, SECRET, OLD = "token", "whsec_c2VjcmV0", "whsec_b2xkZXI="
BODY = b"ivr_block=answer&session=s"
NOW_S = 1_800_000_000


def signed(at_s: int = NOW_S, *secrets: str) -> Mapping[str, str]:
    return webhook_headers("id", at_s, BODY, secrets or (SECRET,))


def test_signed_with_the_token_under_a_name_of_any_case() -> None:
    webhooks.check({"X-Hoiio-Signature": hoiio_signature(BODY, TOKEN)}, BODY, TOKEN)


@pytest.mark.parametrize("signature", ["", "0" * 64, "é", hoiio_signature(BODY + b" ", TOKEN)])
def test_not_signed_with_the_token(signature: str) -> None:
    with pytest.raises(NotSigned):
        webhooks.check({"x-hoiio-signature": signature}, BODY, TOKEN)


def test_signed_with_the_secret_the_token_does_not_count() -> None:
    webhooks.check(signed(), BODY, TOKEN, [SECRET], now_s=NOW_S + 299)
    with pytest.raises(NotSigned):
        webhooks.check(
            {
                **signed(),
                "webhook-signature": "",
                "x-hoiio-signature": hoiio_signature(BODY, TOKEN),
            },
            BODY,
            TOKEN,
            [SECRET],
            now_s=NOW_S,
        )


def test_either_secret_counts_while_it_is_replaced() -> None:
    webhooks.check(signed(NOW_S, SECRET, OLD), BODY, TOKEN, [OLD], now_s=NOW_S)
    webhooks.check(signed(NOW_S, OLD), BODY, TOKEN, [SECRET, OLD], now_s=NOW_S)


@pytest.mark.parametrize(
    "changed",
    [{"webhook-id": "another"}, {"webhook-timestamp": str(NOW_S + 1)}, {"webhook-timestamp": "x"}],
)
def test_id_and_time_are_signed(changed: Mapping[str, str]) -> None:
    with pytest.raises(NotSigned):
        webhooks.check({**signed(), **changed}, BODY, TOKEN, [SECRET], now_s=NOW_S)


@pytest.mark.parametrize("apart_s", [-301, 301])
def test_what_was_recorded_cannot_be_sent_later(apart_s: int) -> None:
    with pytest.raises(NotSigned):
        webhooks.check(signed(), BODY, TOKEN, [SECRET], now_s=NOW_S + apart_s)


def test_a_secret_that_is_none_is_an_error_of_the_application() -> None:
    with pytest.raises(ValueError, match="whsec_"):
        webhooks.check(signed(), BODY, TOKEN, ["secret"], now_s=NOW_S)


def test_form_and_json_have_the_same_fields() -> None:
    fields = {"ivr_block": "answer", "from_name": "", "sip_header_X-A": "ü&="}
    assert webhooks.fields(urlencode(fields).encode()) == fields
    assert webhooks.fields(json.dumps(fields).encode()) == fields


@pytest.mark.parametrize("body", [b"\xff\xfe", b"{"])
def test_no_notification(body: bytes) -> None:
    with pytest.raises(NoReply):
        webhooks.fields(body)


@pytest.mark.parametrize("told", [*NOTICES, *(b for b in BLOCKS if b.fields)], ids=lambda b: b.slug)
def test_the_example_of_each_notification_is_read(told: reference.Tells) -> None:
    found = webhooks.notification(reference.notification(told))
    assert found.ivr_block == told.name


def test_a_bill_in_types() -> None:
    found = webhooks.notification(reference.notification(HANGUP))
    assert isinstance(found, HangupNotification)
    assert (found.duration, found.debit) == (2, Decimal("0.040"))
    assert found.date is not None
    assert found.date.utcoffset() == timedelta(hours=8)
    assert (found.from_, found.dest) == ("+6598765432", None)


def test_headers_of_the_caller() -> None:
    told = {
        "ivr_block": "answer", "session": "s", "txn_ref": "t", "tag": "", "from": "", "to": "+6531234567",
        "call_state": "ringing", "sip_header_X-Account": "7", "something_newer": "1",
    }  # fmt: skip
    found = webhooks.notification(told)
    assert isinstance(found, AnswerNotification)
    assert found.sip_headers == {"X-Account": "7"}


@pytest.mark.parametrize("told", [{}, {"ivr_block": "sing"}, {"ivr_block": "play", "session": "s"}])
def test_what_is_not_complete_or_not_known(told: Mapping[str, str]) -> None:
    with pytest.raises(NoReply):
        webhooks.notification(told)
