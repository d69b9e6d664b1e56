"""A declaration and its typed request say the same, and what is said once holds everywhere."""

from dataclasses import dataclass, replace
from typing import Literal

import pytest

from blocks.plain_reader import PlainReader
from onhook.api import reference
from onhook.blocks import (
    BLOCKS,
    GATHER,
    REQUESTS,
    Block,
    BlockRequest,
    Kind,
    Param,
    Place,
    Refused,
    SessionRequest,
    block_of,
    parse,
    statuses,
)
from onhook.blocks.declaration import SESSION
from onhook.blocks.gather import GatherRequest
from onhook.call.works import Gathering

GIVEN = {"session": "S1", "notify_url": "http://app.example/", "keys": "1"}


@pytest.mark.parametrize(
    ("name", "default"), [("max_digits", "4"), ("timeout", "20"), ("attempts", "3")]
)
def test_a_default_that_is_declared_differently_holds_in_what_is_done_and_in_what_is_written(
    name: str, default: str
) -> None:
    params = [replace(p, default=default) if p.name == name else p for p in GATHER.params]
    changed = replace(GATHER, params=tuple(params))

    request = parse(changed, GIVEN, PlainReader())

    assert isinstance(request, GatherRequest)
    work = Gathering.of(request)
    done = {"max_digits": work.max_digits, "timeout": work.timeout_s, "attempts": work.attempts}
    assert done == {"max_digits": 0, "timeout": 15, "attempts": 1} | {name: int(default)}
    [param] = [one for one in changed.params if one.name == name]
    assert f"default {default}" in reference.limits(param)


def test_every_block_has_a_request_of_its_own() -> None:
    assert len(set(REQUESTS)) == len(BLOCKS)
    for block in BLOCKS:
        assert block.request in REQUESTS


# A new block ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PressRequest(SessionRequest):
    """A block that does not exist."""

    keys: str
    how: Literal["fast", "slow"]
    most: int | None = None


KEYS = Param("keys", Kind.PATTERN, "Keys.", required=True, pattern="[0-9*#]{1,8}", example="1")
HOW = Param("how", Kind.CHOICE, "How.", values=("fast", "slow"), default="slow")
MOST = Param("most", Kind.WHOLE, "How many.", low=1, high=8)
PRESS = Block(
    name="press",
    place=Place.MIDDLE,
    request=PressRequest,
    summary="Press keys.",
    doc="",
    params=(SESSION, KEYS, HOW, MOST),
    own_statuses=(),
    fields=(),
)


def test_a_new_block_is_read_by_its_declaration() -> None:
    assert parse(PRESS, GIVEN, PlainReader()) == PressRequest(session="S1", keys="1", how="slow")
    given = {**GIVEN, "how": "fast", "most": "2"}
    assert parse(PRESS, given, PlainReader()) == PressRequest(
        session="S1", keys="1", how="fast", most=2
    )
    assert {"error_invalid_keys", "error_invalid_how"} <= set(PRESS.statuses)


@pytest.mark.parametrize("keys", ["x", "1\n", "123456789", "١"])
def test_what_is_not_its_pattern_is_refused(keys: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(statuses.SENTENCES, "error_invalid_keys", "These are no keys.")
    with pytest.raises(Refused, match="error_invalid_keys"):
        parse(PRESS, {**GIVEN, "keys": keys}, PlainReader())


@pytest.mark.parametrize(
    "params",
    [
        (SESSION, KEYS, HOW),
        (SESSION, KEYS, HOW, MOST, replace(MOST, name="least")),
        (SESSION, KEYS, HOW, replace(MOST, name="least")),
        (SESSION, KEYS, HOW, replace(MOST, default="2")),
        (SESSION, KEYS, replace(HOW, default=""), MOST),
        (SESSION, replace(KEYS, required=False), HOW, MOST),
        (SESSION, KEYS, replace(HOW, values=("fast", "slow", "slower")), MOST),
        (SESSION, replace(KEYS, kind=Kind.WHOLE), HOW, MOST),
        (SESSION, KEYS, replace(HOW, default="slower"), MOST),
    ],
    ids=[
        "an attribute too many",
        "a parameter too many",
        "another name",
        "a default twice",
        "a default nowhere",
        "neither required nor with a default",
        "other values",
        "another type",
        "a default that is no value",
    ],
)
def test_a_declaration_that_says_something_else_than_its_request_is_refused(
    params: tuple[Param, ...],
) -> None:
    with pytest.raises(TypeError, match=r"PressRequest|slower"):
        replace(PRESS, params=params)


def test_what_is_not_declared_is_no_block() -> None:
    with pytest.raises(KeyError):
        block_of(PressRequest(session="S1", keys="1", how="slow"))
    with pytest.raises(KeyError):
        block_of(BlockRequest())
