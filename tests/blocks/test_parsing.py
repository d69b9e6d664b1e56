"""From the parameters of a request to a checked request: presence, limits, order of the refusals."""

import itertools
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.plain_syntax import PlainSyntax
from onhook.blocks import BLOCKS, HANGUP, PLAY, Block, BlockRequest, Refused, check_present, parse

APP = {"app_id": "A" * 16, "access_token": "T" * 16}
FULL = {
    **APP,
    "session": "S1",
    "msg": "Good bye.",
    "tag": "order 7",
    "notify_url": "http://app.example/over",
}
URL = "http://app.example/"


def read(block: Block, params: Mapping[str, str]) -> BlockRequest:
    """As the server does it: all that is required is there, then each value in its turn."""
    check_present(block, params)
    return parse(block, params, PlainSyntax())


def refusal(block: Block, params: Mapping[str, str]) -> Refused:
    with pytest.raises(Refused) as caught:
        read(block, params)
    return caught.value


# What is there and what is not ----------------------------------------------------------------


def test_every_parameter_arrives() -> None:
    assert read(HANGUP, FULL) == BlockRequest(
        block=HANGUP,
        session="S1",
        tag="order 7",
        notify_url="http://app.example/over",
        notify_target=("target", "http://app.example/over"),
        message=("message", "Good bye."),
    )


def test_a_hangup_needs_a_session_and_no_more() -> None:
    assert read(HANGUP, {**APP, "session": "S1"}) == BlockRequest(block=HANGUP, session="S1")


REQUIRED = [(block, param.name) for block in BLOCKS for param in block.params if param.required]
OPTIONAL = [(block, param.name) for block in BLOCKS for param in block.params if not param.required]


def ids(case: object) -> str:
    return case.name if isinstance(case, Block) else str(case)


def test_what_is_required() -> None:
    assert [name for block, name in REQUIRED if block is HANGUP] == [*APP, "session"]
    assert [name for block, name in REQUIRED if block is PLAY] == [*APP, "session", "msg"]


@pytest.mark.parametrize(("block", "name"), REQUIRED, ids=ids)
def test_a_required_parameter_that_is_absent_or_empty_is_missing(block: Block, name: str) -> None:
    absent = refusal(block, {key: text for key, text in FULL.items() if key != name})
    empty = refusal(block, {**FULL, name: ""})

    assert absent.status == empty.status == f"error_{name}_param_missing"
    assert absent.detail == empty.detail
    assert f"parameter {name} is missing" in absent.detail


@pytest.mark.parametrize(("block", "name"), OPTIONAL, ids=ids)
def test_an_optional_parameter_that_is_empty_counts_as_absent(block: Block, name: str) -> None:
    without = {key: text for key, text in FULL.items() if key != name}

    assert read(block, {**without, name: ""}) == read(block, without)


@pytest.mark.parametrize("block", BLOCKS, ids=ids)
def test_what_is_missing_is_named_in_declared_order(block: Block) -> None:
    required = [param.name for param in block.params if param.required]

    for missing in itertools.chain.from_iterable(
        itertools.combinations(required, count) for count in range(1, len(required) + 1)
    ):
        params = {name: text for name, text in FULL.items() if name not in missing}
        assert refusal(block, params).status == f"error_{missing[0]}_param_missing"


@given(
    extra=st.dictionaries(
        st.text().filter(lambda name: name not in {*FULL, "force"}), st.text(), max_size=5
    )
)
def test_unknown_parameters_are_ignored(extra: dict[str, str]) -> None:
    for block in BLOCKS:
        assert read(block, {**FULL, **extra}) == read(block, FULL)


def test_force_is_not_a_parameter_of_a_play() -> None:
    assert read(PLAY, {**FULL, "force": "enabled"}) == read(PLAY, FULL)


# force ----------------------------------------------------------------------------------------


def test_force_is_on_when_enabled() -> None:
    assert read(HANGUP, {**FULL, "force": "enabled"}).force


@pytest.mark.parametrize(
    "text", ["", "Enabled", "ENABLED", " enabled", "enabled ", "true", "1", "on", "disabled"]
)
def test_any_other_value_of_force_counts_as_not_given(text: str) -> None:
    assert read(HANGUP, {**FULL, "force": text}) == read(HANGUP, FULL)


# Limits ---------------------------------------------------------------------------------------

CHARACTERS = ["x", "é", "請", "👋", "\N{COMBINING ACUTE ACCENT}", " "]


@pytest.mark.parametrize("character", CHARACTERS)
@pytest.mark.parametrize(
    ("name", "limit", "status"),
    [("msg", 1000, "error_msg_invalid_length"), ("tag", 256, "error_tag_invalid_length")],
)
def test_a_length_is_counted_in_characters_as_sent(
    name: str, limit: int, status: str, character: str
) -> None:
    longest = {**FULL, name: character * limit}

    assert read(HANGUP, longest).session == "S1"
    too_long = refusal(HANGUP, {**FULL, name: character * (limit + 1)})
    assert too_long.status == status
    assert f"{name} has {limit + 1} characters; at most {limit} " in too_long.detail


def test_the_markup_of_a_message_counts() -> None:
    frame = "<speech></speech>"
    words = "x" * (1000 - len(frame))

    assert read(HANGUP, {**FULL, "msg": f"<speech>{words}</speech>"})
    too_long = refusal(HANGUP, {**FULL, "msg": f"<speech>{words}.</speech>"})
    assert too_long.status == "error_msg_invalid_length"


def test_a_notify_url_of_4001_characters_is_invalid() -> None:
    longest = URL + "x" * (4000 - len(URL))

    assert read(HANGUP, {**FULL, "notify_url": longest}).notify_url == longest
    too_long = refusal(HANGUP, {**FULL, "notify_url": longest + "x"})
    assert too_long.status == "error_invalid_notify_url"
    assert "4000" in too_long.detail


def test_what_is_too_long_is_not_read_any_further() -> None:
    syntax = PlainSyntax()

    for name, length in [("msg", 1001), ("notify_url", 4001)]:
        with pytest.raises(Refused):
            parse(HANGUP, {"session": "S1", name: "x" * length}, syntax)

    assert syntax.read == []


def test_an_empty_value_is_not_read_at_all() -> None:
    syntax = PlainSyntax()

    parse(HANGUP, {"session": "S1", "msg": "", "notify_url": ""}, syntax)

    assert syntax.read == []


# Order of the refusals ------------------------------------------------------------------------

WRONG = {
    "msg": [
        ("bad", "error_msg_invalid_xml"),
        ("bad" + "x" * 998, "error_msg_invalid_length"),
    ],
    "tag": [("x" * 257, "error_tag_invalid_length")],
    "notify_url": [
        ("bad", "error_invalid_notify_url"),
        ("x" * 4001, "error_invalid_notify_url"),
    ],
}
"""Parameter to values that are wrong, each with its status; in the order of the declarations."""


@pytest.mark.parametrize("block", BLOCKS, ids=ids)
def test_the_first_wrong_parameter_in_declared_order_decides(block: Block) -> None:
    for names in itertools.chain.from_iterable(
        itertools.combinations(WRONG, count) for count in range(1, len(WRONG) + 1)
    ):
        for values in itertools.product(*(WRONG[name] for name in names)):
            wrong = {name: text for name, (text, _) in zip(names, values, strict=True)}
            # The order in which they were sent does not matter.
            params = {**dict(reversed(wrong.items())), **FULL, **wrong}
            assert refusal(block, params).status == values[0][1]


@pytest.mark.parametrize("block", BLOCKS, ids=ids)
def test_what_is_missing_is_told_before_what_is_wrong(block: Block) -> None:
    wrong = {name: values[0][0] for name, values in WRONG.items()}

    for name in ("app_id", "access_token", "session"):
        assert refusal(block, {**FULL, **wrong, name: ""}).status == f"error_{name}_param_missing"


def test_a_missing_message_is_told_before_a_wrong_tag() -> None:
    params = {**FULL, "msg": "", "tag": "x" * 257}

    assert refusal(PLAY, params).status == "error_msg_param_missing"
    assert refusal(HANGUP, params).status == "error_tag_invalid_length"


# Anything at all ------------------------------------------------------------------------------

TEXTS = (
    st.text(max_size=40)
    | st.sampled_from(["", "enabled", "bad", "S1", URL])
    | st.sampled_from([255, 256, 257, 999, 1000, 1001, 3999, 4000, 4001]).map("x".__mul__)
)


@given(
    params=st.dictionaries(
        st.sampled_from([*FULL, "force", "block", "message", "notify_target"])
        | st.text(max_size=9),
        TEXTS,
    )
)
def test_any_request_is_read_or_refused_with_a_status_of_its_block(params: dict[str, str]) -> None:
    for block in BLOCKS:
        missing = [f"error_{p.name}_param_missing" for p in block.params if p.required]
        try:
            request = read(block, params)
        except Refused as refused:
            assert refused.status in {*block.statuses, *missing}
            assert "%" not in refused.detail
            assert refused.headers == {}
        else:
            assert request.block is block
            assert request.session == params["session"]
            assert request.tag == params.get("tag", "")
            assert (request.message is None) == (not params.get("msg"))
            assert (request.notify_target is None) == (request.notify_url is None)
