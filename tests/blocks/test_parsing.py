"""From the parameters of a request to a checked request: presence, limits, order of the refusals."""

import itertools
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.plain_reader import PlainReader, said
from onhook import urls
from onhook.blocks import (
    BLOCKS,
    CONFERENCE,
    DIAL,
    GATHER,
    HANGUP,
    MONITOR,
    PLAY,
    RECORD,
    SEND_DIGITS,
    TRANSFER,
    Block,
    BlockRequest,
    Refused,
    block_of,
    check_present,
    parse,
    trimmed,
)
from onhook.blocks.conference import ConferenceRequest
from onhook.blocks.destination import Destination, PhoneDestination, RoomDestination
from onhook.blocks.dial import DialRequest
from onhook.blocks.hangup import HangupRequest
from onhook.blocks.monitor import MonitorRequest
from onhook.blocks.send_digits import SendDigitsRequest
from onhook.blocks.transfer import TransferRequest
from onhook.numbers import E164

APP = {"app_id": "A" * 16, "access_token": "T" * 16}
FULL = {
    **APP,
    "session": "S1",
    "msg": "Good bye.",
    "tag": "order 7",
    "notify_url": "http://app.example/over",
    "dest": "+6591112222",
    "dest2": "+6593334444",
    "txn_ref": "AA-C-1",
    "action": "mute",
    "digits": "12#",
}
"""A value for whatever any block requires, and what many take."""

URL = "http://app.example/"


def read(block: Block, params: Mapping[str, str]) -> BlockRequest:
    """As the server does it: all that is required is there, then each value in its turn."""
    check_present(block, params)
    return parse(block, params, PlainReader())


def refusal(block: Block, params: Mapping[str, str]) -> Refused:
    with pytest.raises(Refused) as caught:
        read(block, params)
    return caught.value


# What is there and what is not ----------------------------------------------------------------


def test_every_parameter_arrives() -> None:
    assert read(HANGUP, FULL) == HangupRequest(
        session="S1",
        tag="order 7",
        notify_url=urls.parse("http://app.example/over"),
        message=(said("Good bye."),),
    )


def test_a_hangup_needs_a_session_and_no_more() -> None:
    assert read(HANGUP, {**APP, "session": "S1"}) == HangupRequest(session="S1")


@pytest.mark.parametrize("blanks", [" ", "\r\n", "\t ", "\u00a0", "\ufeff", " \u200b\n"])
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.slug)
def test_blanks_around_what_is_pasted_are_cut_and_no_others(block: Block, blanks: str) -> None:
    given = {name: f"{blanks}{text}{blanks}" for name, text in FULL.items()}
    cut = {name for name, text in trimmed(block, given).items() if text == FULL[name]}
    pasted = {"app_id", "access_token", "session", "txn_ref"}
    assert cut == pasted & {param.name for param in block.params}


def test_of_blanks_alone_nothing_is_left() -> None:
    with pytest.raises(Refused) as caught:
        check_present(HANGUP, trimmed(HANGUP, {**APP, "session": " \n"}))
    assert caught.value.status == "error_session_param_missing"


KNOWN = {param.name for block in BLOCKS for param in block.params}
REQUIRED = [(block, param.name) for block in BLOCKS for param in block.params if param.required]
OPTIONAL = [(block, param.name) for block in BLOCKS for param in block.params if not param.required]


def ids(case: object) -> str:
    return case.slug if isinstance(case, Block) else str(case)


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
    extra=st.dictionaries(st.text().filter(lambda name: name not in KNOWN), st.text(), max_size=5)
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

    assert read(HANGUP, longest)
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

    url = read(HANGUP, {**FULL, "notify_url": longest}).notify_url
    assert url is not None
    assert url.text == longest
    too_long = refusal(HANGUP, {**FULL, "notify_url": longest + "x"})
    assert too_long.status == "error_invalid_notify_url"
    assert "4000" in too_long.detail


def test_what_is_too_long_is_not_read_any_further() -> None:
    reader = PlainReader()

    with pytest.raises(Refused):
        parse(HANGUP, {"session": "S1", "msg": "x" * 1001}, reader)

    assert reader.read == []


def test_an_empty_value_is_not_read_at_all() -> None:
    reader = PlainReader()

    parse(HANGUP, {"session": "S1", "msg": "", "notify_url": ""}, reader)

    assert reader.read == []


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
"""Parameter to values that are wrong, each with its status."""


def wrong_ones(block: Block) -> list[str]:
    """Those of the block's parameters of which a wrong value is known, in declared order."""
    return [param.name for param in block.params if param.name in WRONG]


@pytest.mark.parametrize("block", BLOCKS, ids=ids)
def test_the_first_wrong_parameter_in_declared_order_decides(block: Block) -> None:
    for names in itertools.chain.from_iterable(
        itertools.combinations(wrong_ones(block), count)
        for count in range(1, len(wrong_ones(block)) + 1)
    ):
        for values in itertools.product(*(WRONG[name] for name in names)):
            wrong = {name: text for name, (text, _) in zip(names, values, strict=True)}
            # The order in which they were sent does not matter.
            params = {**dict(reversed(wrong.items())), **FULL, **wrong}
            assert refusal(block, params).status == values[0][1]


@pytest.mark.parametrize("block", BLOCKS, ids=ids)
def test_what_is_missing_is_told_before_what_is_wrong(block: Block) -> None:
    wrong = {name: values[0][0] for name, values in WRONG.items()}

    for name in (param.name for param in block.params if param.required):
        assert refusal(block, {**FULL, **wrong, name: ""}).status == f"error_{name}_param_missing"


def test_a_missing_message_is_told_before_a_wrong_tag() -> None:
    params = {**FULL, "msg": "", "tag": "x" * 257}

    assert refusal(PLAY, params).status == "error_msg_param_missing"
    assert refusal(HANGUP, params).status == "error_tag_invalid_length"


# What a block alone takes --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("block", "name", "low", "high", "status"),
    [
        (GATHER, "max_digits", 0, 255, "error_invalid_max_digits"),
        (GATHER, "timeout", 1, 600, "error_invalid_timeout"),
        (GATHER, "attempts", 1, 10, "error_invalid_attempts"),
        (RECORD, "max_duration", 1, 14400, "error_invalid_max_duration"),
        (DIAL, "max_duration", 1, 14400, "error_invalid_max_duration"),
        (DIAL, "ring_time", 1, 180, "error_invalid_ring_time"),
    ],
    ids=ids,
)
def test_whole_numbers_have_limits(
    block: Block, name: str, low: int, high: int, status: str
) -> None:
    for value in (low, high):
        assert getattr(read(block, {**FULL, name: str(value)}), name) == value
    for text in (
        str(low - 1),
        str(high + 1),
        "1.5",
        " 5",
        "5 ",
        "٣",
        "1_0",
        "+5",
        "x",
        "1e1",
        "9" * 30,
    ):
        assert refusal(block, {**FULL, name: text}).status == status
    [default] = [param.default for param in block.params if param.name == name]
    assert getattr(read(block, FULL), name) == (int(default) if default else None)


def test_a_transfer_goes_on_only_if_it_is_told_to() -> None:
    for text in ("hangup", "continue"):
        request = read(TRANSFER, {**FULL, "on_failure": text})
        assert isinstance(request, TransferRequest)
        assert request.on_failure == text
    assert (
        refusal(TRANSFER, {**FULL, "on_failure": "Continue"}).status == "error_on_failure_invalid"
    )


@pytest.mark.parametrize(
    ("text", "dest"),
    [
        ("+6591112222", PhoneDestination(E164("+6591112222"))),
        ("+6561234567,,123#", PhoneDestination(E164("+6561234567"), digits=",,123#")),
        ("room:R1", RoomDestination("R1")),
        ("room:", RoomDestination("")),
        ("+1room:R1", RoomDestination("R1")),
        (" 1room:R1".replace(" ", "+"), RoomDestination("R1")),
    ],
)
def test_a_call_is_transferred_to_a_number_or_a_room(text: str, dest: Destination) -> None:
    request = read(TRANSFER, {**FULL, "dest": text})
    assert isinstance(request, TransferRequest)
    assert request.dest == dest


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("bad", "error_dest_invalid"),
        ("+6561234567,x", "error_dest_invalid"),
        ("room:" + "x" * 33, "error_invalid_room"),
        ("room:a b", "error_invalid_room"),
        ("room:ä", "error_invalid_room"),
    ],
)
def test_what_is_neither_is_refused(text: str, status: str) -> None:
    assert refusal(TRANSFER, {**FULL, "dest": text}).status == status


ALLOWED = ["0123456789", "*#", "ABCD", ",", ",,1,", "1" * 64]
NOT_ALLOWED = ["1" * 65, "a", "12d", "E", "1 2", " 1", "1\n", "+1", "1;2", "٣", "１", "p", "w"]


@pytest.mark.parametrize("text", ALLOWED)
def test_keys_that_can_be_sent(text: str) -> None:
    """By a SendDigits and after a Transfer's answer: one rule."""
    request = read(SEND_DIGITS, {**FULL, "digits": text})
    assert isinstance(request, SendDigitsRequest)
    assert request.digits == text
    if len(text) < 64:
        transfer = read(TRANSFER, {**FULL, "dest": f"+6561234567,{text}"})
        assert isinstance(transfer, TransferRequest)
        assert transfer.dest == PhoneDestination(E164("+6561234567"), f",{text}")


def test_keys_are_not_shown() -> None:
    """They may be somebody's secret."""
    assert "5836" not in repr(read(SEND_DIGITS, {**FULL, "digits": "5836"}))


@pytest.mark.parametrize("text", NOT_ALLOWED)
def test_keys_that_cannot_be_sent(text: str) -> None:
    assert refusal(SEND_DIGITS, {**FULL, "digits": text}).status == "error_invalid_digits"
    dest = f"+6561234567,{text}"
    assert refusal(TRANSFER, {**FULL, "dest": dest}).status == "error_dest_invalid"


def test_a_conference_calls_up_to_eight_different_numbers() -> None:
    eight = [f"+659111222{digit}" for digit in range(8)]

    for some in (",".join(eight), ", ".join(eight)):
        request = read(CONFERENCE, {**FULL, "dest": some})
        assert isinstance(request, ConferenceRequest)
        assert list(request.dest) == eight
    for wrong in (eight * 2, [*eight, "+6592223333"], ["", ""], ["bad"]):
        assert refusal(CONFERENCE, {**FULL, "dest": ",".join(wrong)}).status == "error_dest_invalid"


def test_a_caller_may_be_private() -> None:
    for text, caller_id in [
        ("Private", "private"),
        (" 6591112222", "+6591112222"),
        ("65 3222 2222", "+6532222222"),
    ]:
        request = read(DIAL, {**FULL, "caller_id": text})
        assert isinstance(request, DialRequest)
        assert request.caller_id == caller_id
    assert refusal(DIAL, {**FULL, "caller_id": "bad"}).status == "error_caller_id_invalid"


def test_a_monitor_has_two_urls() -> None:
    request = read(MONITOR, {**FULL, "monitor_notify_url": "http://app.example/m"})

    assert isinstance(request, MonitorRequest)
    assert [url.text for url in request.told] == [FULL["notify_url"], "http://app.example/m"]
    wrong = refusal(MONITOR, {**FULL, "monitor_notify_url": "bad"})
    assert wrong.status == "error_invalid_notify_url"


# Anything at all ------------------------------------------------------------------------------

TEXTS = (
    st.text(max_size=40)
    | st.sampled_from(["", "enabled", "bad", "S1", URL])
    | st.sampled_from([255, 256, 257, 999, 1000, 1001, 3999, 4000, 4001]).map("x".__mul__)
)


@given(
    params=st.dictionaries(
        st.sampled_from([*FULL, "force", "block", "message", "told"]) | st.text(max_size=9),
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
            assert block_of(request) is block
            taken = {p.name: params[p.name] for p in block.params if params.get(p.name)}
            assert getattr(request, "session", "") == taken.get("session", "")
            assert request.tag == taken.get("tag", "")
            assert (request.message is None) == ("msg" not in taken)
            told = None if request.notify_url is None else request.notify_url.text
            assert told == taken.get("notify_url")
