"""A call has a method for each block of a session, with all of its parameters."""

import inspect

import pytest

from onhook.api import reference
from onhook.app import App, Call
from onhook.blocks import BLOCKS, CALL, CONFERENCE, DIAL, Block, Kind, SessionRequest

ITS_OWN = {Kind.CREDENTIAL, Kind.SESSION, Kind.NOTIFY_URL, Kind.IDEMPOTENCY_KEY}
"""What the kit fills in."""


def parameters(block: Block) -> set[str]:
    params = (param for param in reference.params(block) if param.kind not in ITS_OWN)
    return {param.attribute if param.is_family else param.name for param in params}


@pytest.mark.parametrize(
    "block",
    [one for one in BLOCKS if issubclass(one.request, SessionRequest)],
    ids=lambda b: b.slug,
)
def test_each_block_of_a_session(block: Block) -> None:
    method = inspect.signature(getattr(Call, block.slug))
    assert method.parameters.keys() - {"self"} == parameters(block)


def test_dial() -> None:
    assert inspect.signature(App.dial).parameters.keys() - {"self"} == parameters(DIAL)


@pytest.mark.parametrize("block", [CALL, CONFERENCE], ids=lambda b: b.slug)
def test_calls_that_no_function_steers(block: Block) -> None:
    method = inspect.signature(getattr(App, block.slug))
    assert method.parameters.keys() - {"self"} == parameters(block)
