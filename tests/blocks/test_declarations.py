"""The declarations against the source of the hangup block and the reference."""

import pytest

from onhook.blocks import BLOCKS, HANGUP, PLAY, Block, Kind, Place, statuses
from onhook.blocks.params import syntax_statuses

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

BEYOND = {
    "error_idempotency_key_reused",
    "error_invalid_reject",
    "error_invalid_sip_header",
}
"""Statuses that the original API does not have."""

BEYOND_PARAMS = ["reject", "media", "sip_header_X-…"]
"""Parameters of a Hangup that the original API does not have: behind its own."""

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

ONLY_HANGUP = {
    "error_hangup_already_in_progress",
    "error_cannot_play_msg_with_force",
    "error_invalid_reject",
    "error_invalid_sip_header",
}

EVALUATION = [
    ["success_ok"],
    ["error_invalid_http_method"],
    ["error_malformed_params"],
    ["error_X_param_missing"],
    ["error_invalid_access_token"],
    ["error_invalid_app_id"],
    ["error_rate_limit_exceeded"],
    ["error_idempotency_key_reused"],
    "the syntax of each parameter",
    ["error_invalid_session", "error_invalid_txn_ref", "error_same_dest1_dest2"],
    ["error_session_access_denied", "error_txn_ref_access_denied"],
    ["error_session_ended"],
    ["error_hangup_already_in_progress"],
    ["error_cannot_play_msg_with_force"],
    ["error_session_not_ready"],
    ["error_monitor_in_progress", "error_session_not_on_hold", "error_not_in_conference"],
    [
        "error_unable_to_resolve_notify_url",
        "error_unable_to_complete_ssl_handshake_notify_url",
        "error_msg_cannot_convert_text",
        "error_msg_download_failed",
        "error_msg_invalid_file_format",
        "error_msg_invalid_file_size",
        "error_not_allowed_for_trial",
        "error_call_service_not_available",
        "error_dest_not_supported",
        "error_dest1_not_supported",
        "error_dest2_not_supported",
        "error_caller_id_invalid",
        "error_concurrent_call_limit_reached",
        "error_insufficient_credit",
    ],
    ["error_internal_server_error"],
]
"""The order of evaluation (reference, section 2); what is checked side by side is one entry."""

REFERENCE = {
    "ivr/start/dial": "dest* msg caller_id max_duration tag notify_url ring_time media sip_header_X-…",
    "ivr/middle/play": "session* msg* tag notify_url",
    "ivr/middle/gather": "session* notify_url* msg max_digits timeout attempts tag",
    "ivr/middle/send_digits": "session* tag notify_url msg digits*",
    "ivr/middle/record": "session* notify_url* msg max_duration tag",
    "ivr/middle/monitor": "session* notify_url* monitor_notify_url msg tag",
    "ivr/middle/hold": "session* msg",
    "ivr/middle/unhold": "session* tag notify_url",
    "ivr/end/transfer": "session* dest* msg caller_id on_failure tag notify_url ring_time media "
    "sip_header_X-…",
    "ivr/end/hangup": "session* force msg tag notify_url reject media sip_header_X-…",
    "voice/call": "dest1 dest2* caller_id max_duration tag notify_url media",
    "voice/hangup": "txn_ref*",
    "voice/conference": "dest* room caller_id tag notify_url media",
    "conference/call": "dest* room caller_id tag notify_url media",
    "conference/moderate": "txn_ref* action*",
}
"""Path to parameters (reference, sections 4 and 7); send_digits, ring_time of a Transfer, reject, media and
headers are ours."""

OWN_STATUSES = {
    "dial": "error_dest_invalid error_dest_not_supported error_caller_id_invalid "
    "error_invalid_max_duration error_insufficient_credit error_concurrent_call_limit_reached "
    "error_call_service_not_available",
    "gather": "error_invalid_max_digits error_invalid_timeout error_invalid_attempts",
    "send_digits": "error_invalid_digits",
    "record": "error_invalid_max_duration",
    "monitor": "error_monitor_in_progress",
    "unhold": "error_session_not_on_hold",
    "transfer": "error_dest_invalid error_dest_not_supported error_caller_id_invalid "
    "error_on_failure_invalid error_invalid_room error_insufficient_credit "
    "error_concurrent_call_limit_reached",
    "hangup": "error_hangup_already_in_progress error_cannot_play_msg_with_force",
    "voice_call": "error_same_dest1_dest2 error_dest1_invalid error_dest2_invalid "
    "error_dest1_not_supported error_dest2_not_supported error_not_allowed_for_trial",
    "voice_hangup": "error_invalid_txn_ref error_txn_ref_access_denied",
    "conference_call": "error_dest_invalid error_dest_not_supported error_not_allowed_for_trial",
}
"""What the reference lists for a block beside the groups that many have."""


def ids(block: Block) -> str:
    return block.slug


def test_the_hangup_block_takes_what_its_source_says() -> None:
    declared = [param.name + "*" * param.required for param in HANGUP.params]

    assert declared == SOURCE_PARAMS + BEYOND_PARAMS


def test_the_hangup_block_answers_what_its_source_says() -> None:
    assert set(HANGUP.statuses) == set(SOURCE_STATUSES) | BEYOND


def test_the_hangup_block_tells_what_its_source_says() -> None:
    assert set(SOURCE_FIELDS) <= {field.name for field in HANGUP.fields}


def test_the_play_block_answers_the_same_but_for_what_only_a_hangup_meets() -> None:
    assert set(PLAY.statuses) == (set(SOURCE_STATUSES) | BEYOND) - ONLY_HANGUP


def test_the_paths_are_those_of_the_reference() -> None:
    assert [block.path for block in BLOCKS] == list(REFERENCE)


@pytest.mark.parametrize("block", BLOCKS, ids=ids)
def test_the_parameters_are_those_of_the_reference(block: Block) -> None:
    declared = {param.name + "*" * param.required for param in block.params}

    assert declared == {"app_id*", "access_token*", *REFERENCE[block.path].split()}


@pytest.mark.parametrize("block", BLOCKS, ids=ids)
def test_the_statuses_of_the_reference_are_there(block: Block) -> None:
    assert set(OWN_STATUSES.get(block.slug, "").split()) <= set(block.statuses)


def test_only_a_hangup_hangs_up() -> None:
    assert [block.slug for block in BLOCKS if block.hangs_up] == ["hangup", "voice_hangup"]


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
    syntax = [status for param in block.params for status in syntax_statuses(param)]
    groups = [syntax if isinstance(group, str) else group for group in EVALUATION]
    # What can be wrong in itself, and also of no use to this account, stands where it comes first.
    rank = {s: number for number, group in reversed([*enumerate(groups)]) for s in group}
    ranks = [rank[status] for status in block.statuses]

    assert ranks == sorted(ranks)
    written = [status for status in block.statuses if status in syntax]
    assert written == list(dict.fromkeys(syntax)), "in the order in which parameters are declared"


@pytest.mark.parametrize("block", BLOCKS, ids=ids)
def test_every_block_needs_to_know_who_asks_and_for_which_call(block: Block) -> None:
    first = [param.name for param in block.params if param.required][:3]

    assert first[:2] == ["app_id", "access_token"]
    if block.path.startswith("ivr/") and block.place is not Place.START:
        assert first[2] == "session"


@pytest.mark.parametrize("block", BLOCKS, ids=ids)
def test_whatever_has_a_length_declares_its_limit(block: Block) -> None:
    limits = {Kind.MESSAGE: 1000, Kind.TAG: 256, Kind.NOTIFY_URL: 4000, Kind.SIP_HEADERS: 512}

    for param in block.params:
        assert param.max_length == limits.get(param.kind), param.name


@pytest.mark.parametrize("block", BLOCKS, ids=ids)
def test_every_status_has_its_sentence(block: Block) -> None:
    assert set(block.statuses) <= statuses.SENTENCES.keys()
