"""Idempotency keys: what is one, and which requests are the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onhook.blocks import BLOCKS, ENDPOINTS, Block, Endpoint, Refused, statuses
from onhook.blocks.idempotency import KEY_MAX, PARAM, TRY_AGAIN, read_key, request_key

EVERYTHING: tuple[Block | Endpoint, ...] = (*BLOCKS, *ENDPOINTS)
PATH = "ivr/end/hangup"
ASKED = {"app_id": "a", "access_token": "t", "session": "S1", "msg": "Good bye."}


def test_a_request_without_a_key_has_none() -> None:
    assert read_key([], {}) is None
    assert read_key([""], {PARAM.name: ""}) is None


def test_the_header_wins() -> None:
    assert read_key(["one"], {PARAM.name: "other"}) == "one"
    assert read_key([], {PARAM.name: "other"}) == "other"


def test_an_empty_header_is_none_at_all() -> None:
    assert read_key([""], {PARAM.name: "other"}) == "other"


def test_header_and_parameter_spell_the_same_key() -> None:
    """HTTP libraries hand out headers as Latin-1, whatever bytes they hold."""
    assert read_key(["日本".encode().decode("latin-1")], {}) == "日本"


@pytest.mark.parametrize("key", ["x" * KEY_MAX, "\N{GRINNING FACE}" * KEY_MAX, '"quoted"', "a b"])
def test_printable_keys(key: str) -> None:
    assert read_key([], {PARAM.name: key}) == key
    assert read_key([key.encode().decode("latin-1")], {}) == key


@pytest.mark.parametrize(
    ("header", "given"),
    [
        (["x" * (KEY_MAX + 1)], {}),
        ([], {PARAM.name: "x" * (KEY_MAX + 1)}),
        (["tab\there"], {}),
        ([], {PARAM.name: "line\nbreak"}),
        ([], {PARAM.name: "right\N{RIGHT-TO-LEFT OVERRIDE}left"}),
        (["\xff"], {}),
        (["one", "other"], {}),
    ],
)
def test_what_is_no_key(header: list[str], given: dict[str, str]) -> None:
    with pytest.raises(Refused) as refused:
        read_key(header, given)
    assert refused.value.status == "error_malformed_params"
    assert "UUID" in refused.value.detail
    assert refused.value.detail.isprintable()


@given(
    st.lists(st.text(st.characters(max_codepoint=255)), max_size=2),
    st.dictionaries(st.just(PARAM.name), st.text()),
)
def test_whatever_comes_is_a_key_or_refused(header: list[str], params: dict[str, str]) -> None:
    try:
        key = read_key(header, params)
    except Refused as refused:
        assert refused.status == "error_malformed_params"
    else:
        assert key is None or (0 < len(key) <= KEY_MAX and key.isprintable())


@pytest.mark.parametrize(
    "same",
    [
        dict(reversed(ASKED.items())),
        {**ASKED, "access_token": "rotated"},
        {**ASKED, PARAM.name: "k"},
        {**ASKED, "tag": ""},
    ],
)
def test_the_same_request(same: dict[str, str]) -> None:
    assert request_key("k", PATH, same) == request_key("k", PATH, ASKED)


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("ivr/middle/play", ASKED),
        (PATH, {**ASKED, "msg": "Good bye!"}),
        (PATH, {**ASKED, "tag": "t"}),
        (PATH, {"app_id": "a", "session": "S1"}),
        (PATH, {**ASKED, "session": "S1', 'msg"}),
    ],
)
def test_another_request(path: str, other: dict[str, str]) -> None:
    assert request_key("k", path, other).digest != request_key("k", PATH, ASKED).digest


@given(*[st.dictionaries(st.text(), st.text(min_size=1), max_size=4)] * 2)
def test_two_requests_have_one_digest_only_if_they_are_one(
    one: dict[str, str], other: dict[str, str]
) -> None:
    compared = [
        {n: v for n, v in params.items() if n not in ("access_token", PARAM.name)}
        for params in (one, other)
    ]
    same = compared[0] == compared[1]
    assert (request_key("k", PATH, one).digest == request_key("k", PATH, other).digest) == same


def test_what_is_not_kept_can_be_answered_at_all() -> None:
    answered = {status for declared in EVERYTHING for status in declared.statuses}
    assert answered > TRY_AGAIN
    assert statuses.SUCCESS not in TRY_AGAIN


def test_no_endpoint_has_a_parameter_of_that_name() -> None:
    names = {param.name for declared in EVERYTHING for param in declared.params}
    assert PARAM.name not in names
