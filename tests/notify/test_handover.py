"""What the switch and the process that delivers tell one another comes back as it was said."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onhook import urls
from onhook.notification import Notification
from onhook.notify.attempt import UNTRIED, Attempt, AttemptOutcome, DeliveryProgress
from onhook.notify.handover import (
    MAX_BYTES,
    Barred,
    BrokenMessage,
    Deliver,
    Drain,
    Drained,
    Frames,
    Message,
    Recorded,
    Resume,
    SecretsFound,
    SecretsWanted,
    Tried,
    decode,
    encode,
)
from onhook.notify.signatures import AppSecrets
from onhook.urls import UnusableUrl

any_text = st.text(st.characters(exclude_categories=()))  # halves of characters too
ids = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40)
moments = st.floats(0, 1e12)
web_urls = st.builds(
    lambda scheme, host, port, path: urls.parse(f"{scheme}://{host}{port}/{path}"),
    st.sampled_from(["http", "HTTPS"]),
    st.sampled_from(
        ["example.com", "Bücher.example", "127.0.0.1", "[2001:db8::1]", "a_b.example."]
    ),
    st.sampled_from(["", ":", ":8080"]),
    st.sampled_from(["", "notify", "a?b=c&d=%zz", "ü?ö=ß#part", "?", "a//b/../c?x=y?z"]),
)
unusable_urls = st.builds(UnusableUrl, any_text, any_text)
notifications = st.builds(
    Notification,
    notification_id=ids,
    session=any_text,
    app_id=any_text,
    sequence=st.integers(0),
    url=web_urls | web_urls.map(lambda url: url.with_query("x=1&y")) | unusable_urls,
    fields=st.dictionaries(any_text, any_text, max_size=6),
    created_ms=st.integers(),
    format=st.sampled_from(["form", "json"]),
)
progresses = st.just(UNTRIED) | st.builds(
    DeliveryProgress,
    first_attempt_at=st.none() | moments,
    attempts=st.integers(0, 1000),
    next_at=st.none() | moments,
    scheduled=st.none() | st.integers(0, 1000),
    not_before=moments,
)
attempts = st.builds(
    Attempt,
    number=st.integers(1, 1000),
    at=moments,
    status=st.none() | st.integers(100, 999),
    error=st.none() | any_text,
    duration_ms=moments,
    scheduled=st.integers(0, 1000),
    not_before=moments,
)
delivers = st.builds(Deliver, notifications, progresses)
secrets = st.builds(AppSecrets, any_text, st.lists(any_text, max_size=3).map(tuple))
errors = st.none() | st.text()
messages: st.SearchStrategy[Message] = st.one_of(
    delivers,
    st.builds(Resume, st.lists(delivers, max_size=4).map(tuple), st.booleans()),
    st.builds(Recorded, ids, errors),
    st.builds(SecretsFound, any_text, st.none() | secrets, errors),
    st.builds(Drain, moments),
    st.builds(
        Tried, ids, attempts, st.sampled_from(AttemptOutcome), st.none() | moments, st.booleans()
    ),
    st.builds(SecretsWanted, any_text),
    st.builds(Barred, notifications),
    st.builds(Drained, st.integers(0)),
)


@given(messages)
def test_a_message_comes_back_equal(message: Message) -> None:
    assert list(Frames().feed(encode(message))) == [message]


@given(notifications)
def test_of_a_notification_even_that_comes_back_which_equality_leaves_out(
    told: Notification,
) -> None:
    [back] = Frames().feed(encode(Deliver(told)))
    assert isinstance(back, Deliver)
    assert back.notification.url.text == told.url.text
    assert list(back.notification.fields.items()) == list(told.fields.items())


@given(st.lists(messages, max_size=5), st.lists(st.integers(1, 400), min_size=1))
def test_messages_are_found_however_the_stream_is_cut(
    several: list[Message], cuts: list[int]
) -> None:
    stream, frames = b"".join(map(encode, several)), Frames()
    found: list[Message] = []
    while stream:
        size = cuts[len(found) % len(cuts)]
        found += frames.feed(stream[:size])
        stream = stream[size:]
    assert found == several


@given(st.binary(max_size=200))
def test_of_what_is_no_message_nothing_is_repeated(data: bytes) -> None:
    try:
        decode(data)
    except BrokenMessage as error:
        assert str(error).isidentifier()


@pytest.mark.parametrize(
    "changed",
    [
        {"number": "1"},
        {"number": True},
        {"at": "now"},
        {"status": "200"},
        {"status": 200.0},
        {"error": ["an", "object"]},
        {"duration_ms": None},
        {"not_before": "never"},
    ],
)
def test_an_attempt_holds_what_can_be_written(changed: dict[str, Any]) -> None:
    values: dict[str, Any] = {
        "number": 1,
        "at": 2.0,
        "status": 200,
        "error": None,
        "duration_ms": 3.5,
        "scheduled": 1,
        "not_before": 0.0,
    }
    made = Attempt(**{**values, **changed})
    with pytest.raises(BrokenMessage):
        list(Frames().feed(encode(Tried("a", made, AttemptOutcome.DELIVERED, None))))


def test_a_length_that_nothing_has_is_refused_at_once() -> None:
    with pytest.raises(BrokenMessage):
        list(Frames().feed((MAX_BYTES + 1).to_bytes(4, "big")))


def test_a_broken_message_does_not_show_a_secret() -> None:
    whole = encode(SecretsFound("app", AppSecrets("whsec_hidden")))
    with pytest.raises(BrokenMessage) as caught:
        decode(whole[4:-3])
    assert "hidden" not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert "hidden" not in repr(SecretsFound("app", AppSecrets("whsec_hidden")))
