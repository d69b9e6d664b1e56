import json
import time
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from notify.doubles import secret_of
from onhook import __version__, urls
from onhook.call import Notification
from onhook.notify.errors import SecretUnusable
from onhook.notify.message import as_json, build, encode
from onhook.notify.signatures import AppSecrets, hoiio_signature
from onhook.urls import UrlRefused

SECRET = secret_of(b"k" * 24)
SECRETS = AppSecrets("token", (SECRET,))
ENDED = Notification(
    notification_id="ntf_1",
    session="S1",
    sequence=3,
    app_id="app",
    url=urls.parse("https://example.com/calls?mine=%7e&b=1"),
    fields={"ivr_block": "hangup", "from": "+6511111111", "tag": "Grüße & 你好", "empty": ""},
    created_ms=1,
)


def test_every_parameter_is_in_query_and_body_after_the_urls_own() -> None:
    message = build(ENDED, SECRETS, 1_700_000_000)
    expected = (
        "mine=%7e&b=1&ivr_block=hangup&from=%2B6511111111"
        "&tag=Gr%C3%BC%C3%9Fe+%26+%E4%BD%A0%E5%A5%BD&empty="
    )
    assert message.url.target == f"/calls?{expected}"
    assert message.body == expected.encode()


def test_headers() -> None:
    now = int(time.time())
    message = build(ENDED, SECRETS, now)
    headers = dict(message.headers)
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert headers["User-Agent"] == f"Onhook/{__version__}"
    assert headers["X-Onhook-Event"] == "3"
    assert headers["X-Hoiio-Signature"] == hoiio_signature(message.body, "token")
    assert headers["webhook-id"] == "ntf_1"
    assert headers["webhook-timestamp"] == str(now)
    Webhook(SECRET).verify(message.body, headers, json_parse=False)


@pytest.mark.parametrize(
    ("own", "encoded"),
    [
        (None, "a=1"),
        ("", "a=1"),
        ("x", "x&a=1"),
        ("x=1&", "x=1&a=1"),
        ("&&x=1", "&&x=1&a=1"),
        ("x=%zz;[]", "x=%zz;[]&a=1"),
    ],
)
def test_own_query_is_kept_byte_for_byte(own: str | None, encoded: str) -> None:
    assert encode(own, {"a": "1"}) == encoded


@pytest.mark.parametrize(
    ("own", "left"),
    [
        ("session=mine", ""),
        ("x=1&session=mine&tag=me&y=2", "x=1&y=2&"),
        ("session", ""),
        ("session=&session=2&&", "&"),
        ("%73ession=mine&s%65ssion=b&x=session", "x=session&"),
        ("Session=mine&sessions=2&session.id=3", "Session=mine&sessions=2&session.id=3&"),
    ],
)
def test_a_parameter_of_the_notify_url_with_the_name_of_a_field_is_not_sent(
    own: str, left: str
) -> None:
    assert encode(own, {"session": "S1", "tag": "t"}) == f"{left}session=S1&tag=t"


def test_json_is_the_body_alone_and_signed_like_a_form() -> None:
    message = build(replace(ENDED, format="json"), SECRETS, now := int(time.time()))
    assert str(message.url) == ENDED.url.text
    assert message.headers["Content-Type"] == "application/json"
    assert message.headers["X-Hoiio-Signature"] == hoiio_signature(message.body, "token")
    assert json.loads(message.body) == ENDED.fields
    assert message.headers["webhook-timestamp"] == str(now)
    assert Webhook(SECRET).verify(message.body, dict(message.headers)) == ENDED.fields


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=20)))
def test_fields_are_written_as_the_standard_library_does(fields: dict[str, str]) -> None:
    assert encode(None, fields) == urlencode(fields, safe="", errors="replace")


def test_half_a_character_does_not_stop_json() -> None:
    assert as_json({"tag": "a\ud800"}) == b'{"tag":"a?"}'


TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(TEXT.filter(bool), TEXT))
def test_a_form_parser_gets_back_what_was_sent(fields: dict[str, str]) -> None:
    encoded = encode("own=1", fields)
    assert encoded.isascii()
    assert parse_qsl(encoded, keep_blank_values=True, strict_parsing=True) == [
        ("own", "1"),
        *fields.items(),
    ]


def test_half_a_character_does_not_stop_a_notification() -> None:
    assert encode(None, {"tag": "a\ud800"}) == "tag=a%3F"


def test_what_cannot_be_sent_is_refused() -> None:
    with pytest.raises(UrlRefused):
        build(replace(ENDED, url=urls.stored("ftp://example.com/")), SECRETS, 0)
    with pytest.raises(SecretUnusable):
        build(ENDED, AppSecrets("token", ("nonsense",)), 0)


@pytest.mark.parametrize("bad", ["", "a b", "a\r\nb", "é", "x" * 256])
def test_an_id_has_to_fit_into_a_header(bad: str) -> None:
    with pytest.raises(ValueError, match="id"):
        replace(ENDED, notification_id=bad)


def test_what_is_private_does_not_show_in_logs() -> None:
    shown = repr(ENDED) + repr(SECRETS) + repr(build(ENDED, SECRETS, 0))
    for private in ("+6511111111", "Gr", "token", SECRET, "mine"):
        assert private not in shown
