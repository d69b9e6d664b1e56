import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from notify.doubles import secret_of
from onhook.notify.errors import SecretUnusable
from onhook.notify.signatures import hoiio_signature, secret_key, webhook_headers

OLD, NEW = secret_of(b"o" * 24), secret_of(b"n" * 32)


def test_hoiio_signature_is_hex_hmac_of_the_raw_body() -> None:
    # RFC 4231, test case 2.
    signature = hoiio_signature(b"what do ya want for nothing?", "Jefe")
    assert signature == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


def test_an_independent_library_accepts_either_secret_during_a_rotation() -> None:
    body = json.dumps({"a": 1}).encode()
    headers = webhook_headers("msg_1", int(time.time()), body, [NEW, OLD])
    assert len(headers["webhook-signature"].split(" ")) == 2
    assert Webhook(NEW).verify(body, headers) == {"a": 1}
    assert Webhook(OLD).verify(body, headers) == {"a": 1}


@pytest.mark.parametrize(
    ("name", "value"),
    [("webhook-id", "msg_2"), ("webhook-timestamp", None), ("webhook-signature", "v1,AAAA")],
)
def test_an_independent_library_refuses_what_was_changed(name: str, value: str | None) -> None:
    now = int(time.time())
    headers = webhook_headers("msg_1", now, b"{}", [NEW])
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(b"{}", {**headers, name: value or str(now + 1)})
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(b"{ }", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD).verify(b"{}", headers)


def test_without_a_secret_the_id_is_still_sent() -> None:
    assert webhook_headers("msg_1", 7, b"", []) == {"webhook-id": "msg_1", "webhook-timestamp": "7"}


@given(st.binary(min_size=24, max_size=64))
def test_secrets_survive_their_text_form(key: bytes) -> None:
    assert secret_key(secret_of(key)) == key
    assert secret_key(secret_of(key).rstrip("=")) == key


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!", "whsec_A", "whsec_é", "c2VjcmV0", "x"])
def test_broken_secrets_are_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(SecretUnusable) as refused:
        secret_key(secret)
    assert secret in ("", "x", "whsec_") or secret not in str(refused.value)
