"""Every status has a sentence that says what to do, with nothing left to fill in."""

import pytest

from onhook.blocks import BLOCKS, ENDPOINTS, Block, Endpoint, Refused, statuses
from onhook.blocks.unserved import UNSERVED

VALUES: dict[str, tuple[object, ...]] = {
    "error_X_param_missing": ("session",),
    "error_rate_limit_exceeded": (7,),
    "error_msg_invalid_length": (1001, 1000),
    "error_tag_invalid_length": (257, 256),
    "error_internal_server_error": ("3f2a",),
}
"""What only the moment knows."""


@pytest.mark.parametrize("status", statuses.SENTENCES)
def test_a_detail_is_a_whole_sentence(status: str) -> None:
    values = VALUES.get(status, ())

    sentence = statuses.detail(status, *values)

    assert "%" not in sentence
    assert all(str(value) in sentence for value in values)
    assert sentence.endswith(".")


@pytest.mark.parametrize("status", statuses.SENTENCES)
def test_what_needs_values_is_known(status: str) -> None:
    assert statuses.SENTENCES[status].count("%s") == len(VALUES.get(status, ()))


def test_every_sentence_belongs_to_a_status_that_can_be_answered() -> None:
    everything: tuple[Block | Endpoint, ...] = (*BLOCKS, *ENDPOINTS, UNSERVED)
    answered = {status for declared in everything for status in declared.statuses}

    assert answered == statuses.SENTENCES.keys()


def test_a_refusal_explains_itself() -> None:
    refused = Refused("error_session_ended")

    assert refused.status == "error_session_ended"
    assert refused.detail == statuses.SENTENCES["error_session_ended"]
    assert refused.headers == {}


def test_a_refusal_can_be_explained_better() -> None:
    assert Refused("error_invalid_notify_url", "No host.").detail == "No host."
    assert Refused("error_invalid_notify_url", "").detail == ""


@pytest.mark.parametrize("name", ["session", "access_token", "msg", "dest1"])
def test_a_missing_parameter_is_named_by_its_status(name: str) -> None:
    refused = Refused(f"error_{name}_param_missing")

    assert f"parameter {name} is missing" in refused.detail


def test_a_refusal_may_carry_headers() -> None:
    refused = Refused("error_rate_limit_exceeded", "Wait.", Retry_After="7")

    assert refused.headers == {"Retry-After": "7"}
