"""The declarations against the source of the hangup block and the reference."""

import pytest

from onhook.blocks import BLOCKS, HANGUP, PLAY, Block, Kind, statuses

SOURCE_PARAMS = ["app_id*", "access_token*", "session*", "force", "msg", "tag", "notify_url"]

SOURCE_STATUSES = [
    "success_ok",
    "error_invalid_http_method",
    "error_malformed_params",
    "error_X_param_missing",
    "error_invalid_access_token",
    "error_invalid_app_id",
    "error_msg_invalid_length",
    "error_msg_cannot_convert_text",
    "error_msg_download_failed",
    "error_msg_invalid_file_format",
    "error_msg_invalid_file_size",
    "error_msg_invalid_url",
    "error_msg_invalid_language",
    "error_msg_invalid_gender",
    "error_msg_invalid_xml",
    "error_tag_invalid_length",
    "error_invalid_notify_url",
    "error_unable_to_resolve_notify_url",
    "error_unable_to_complete_ssl_handshake_notify_url",
    "error_invalid_session",
    "error_session_access_denied",
    "error_hangup_already_in_progress",
    "error_cannot_play_msg_with_force",
    "error_session_ended",
    "error_session_not_ready",
    "error_rate_limit_exceeded",
    "error_internal_server_error",
]

BEYOND = {"error_idempotency_key_reused"}
"""Statuses that the original API does not have."""

SOURCE_FIELDS = [
    "ivr_block",
    "session",
    "txn_ref",
    "from",
    "to",
    "dest",
    "call_state",
    "date",
    "duration",
    "currency",
    "rate",
    "debit",
]

ONLY_HANGUP = {"error_hangup_already_in_progress", "error_cannot_play_msg_with_force"}

EVALUATION = [
    ["success_ok"],
    ["error_invalid_http_method"],
    ["error_malformed_params"],
    ["error_X_param_missing"],
    ["error_invalid_access_token"],
    ["error_invalid_app_id"],
    ["error_rate_limit_exceeded"],
    ["error_idempotency_key_reused"],
    ["error_msg_invalid_length"],
    [
        "error_msg_invalid_xml",
        "error_msg_invalid_language",
        "error_msg_invalid_gender",
        "error_msg_invalid_url",
    ],
    ["error_tag_invalid_length"],
    ["error_invalid_notify_url"],
    ["error_invalid_session"],
    ["error_session_access_denied"],
    ["error_session_ended"],
    ["error_hangup_already_in_progress"],
    ["error_cannot_play_msg_with_force"],
    ["error_session_not_ready"],
    [
        "error_unable_to_resolve_notify_url",
        "error_unable_to_complete_ssl_handshake_notify_url",
        "error_msg_cannot_convert_text",
        "error_msg_download_failed",
        "error_msg_invalid_file_format",
        "error_msg_invalid_file_size",
    ],
    ["error_internal_server_error"],
]
"""The order of evaluation (reference, section 2); what is checked side by side is one entry."""


def ids(block: Block) -> str:
    return block.name


def test_the_hangup_block_takes_what_its_source_says() -> None:
    declared = [param.name + "*" * param.required for param in HANGUP.params]

    assert declared == SOURCE_PARAMS


def test_the_hangup_block_answers_what_its_source_says() -> None:
    assert set(HANGUP.statuses) == set(SOURCE_STATUSES) | BEYOND


def test_the_hangup_block_tells_what_its_source_says() -> None:
    assert set(SOURCE_FIELDS) <= {field.name for field in HANGUP.fields}


def test_the_play_block_answers_the_same_but_for_what_only_a_hangup_meets() -> None:
    assert set(PLAY.statuses) == (set(SOURCE_STATUSES) | BEYOND) - ONLY_HANGUP


def test_the_paths_are_those_of_the_reference() -> None:
    assert [block.path for block in BLOCKS] == ["ivr/middle/play", "ivr/end/hangup"]


def test_only_a_hangup_hangs_up() -> None:
    assert [block.name for block in BLOCKS if block.hangs_up] == ["hangup"]


@pytest.mark.parametrize("block", BLOCKS, ids=ids)
def test_nothing_is_declared_twice(block: Block) -> None:
    for names in (
        [param.name for param in block.params],
        [field.name for field in block.fields],
        block.statuses,
    ):
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("block", BLOCKS, ids=ids)
def test_the_statuses_stand_in_the_order_of_evaluation(block: Block) -> None:
    rank = {status: number for number, group in enumerate(EVALUATION) for status in group}
    ranks = [rank[status] for status in block.statuses]

    assert ranks == sorted(ranks)


@pytest.mark.parametrize("block", BLOCKS, ids=ids)
def test_every_block_needs_to_know_who_asks_and_for_which_session(block: Block) -> None:
    assert [param.name for param in block.params if param.required][:3] == [
        "app_id",
        "access_token",
        "session",
    ]


@pytest.mark.parametrize("block", BLOCKS, ids=ids)
def test_whatever_has_a_length_declares_its_limit(block: Block) -> None:
    limits = {param.kind: param.max_length for param in block.params}

    assert limits[Kind.MESSAGE] == 1000
    assert limits[Kind.TAG] == 256
    assert limits[Kind.NOTIFY_URL] == 4000


@pytest.mark.parametrize("block", BLOCKS, ids=ids)
def test_every_status_has_its_sentence(block: Block) -> None:
    assert set(block.statuses) <= statuses.SENTENCES.keys()
