"""The declarations of the account and status endpoints against the reference (section 7)."""

import pytest

from onhook.blocks import BLOCKS, ENDPOINTS, Block, Endpoint, statuses
from onhook.blocks.declaration import ALWAYS

SOURCE = {
    "user/get_balance": ("", "currency balance points bonus"),
    "user/get_info": (
        "",
        "uid name mobile_number caller_ids email country prefix currency time_zone user_status "
        "sms_rebrand_status call_rebrand_status",
    ),
    "voice/query_status": (
        "txn_ref*",
        "txn_ref tag dest1 dest2 call_status_dest1 call_status_dest2 call_status_dest_1 "
        "call_status_dest_2 date duration currency rate debit",
    ),
    "voice/get_history": ("from to page", "total_entries_count entries_count"),
    "voice/get_rate": ("dest1* dest2*", "currency rate talktime"),
    "number/get_active": ("", "total_entries_count entries_count"),
    "number/update_forwarding": ("number* forward_to forward_sms_to mode", ""),
}
"""Path to parameters and fields."""

OWN_STATUSES = {
    "voice/query_status": ["error_invalid_txn_ref", "error_txn_ref_access_denied"],
    "voice/get_history": [
        "error_from_invalid",
        "error_to_invalid",
        "error_to_before_from",
        "error_page_invalid",
    ],
}


def path(endpoint: Endpoint) -> str:
    return endpoint.path


def test_the_paths_are_those_of_the_reference() -> None:
    assert [endpoint.path for endpoint in ENDPOINTS] == list(SOURCE)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=path)
def test_parameters_and_fields_are_those_of_the_reference(endpoint: Endpoint) -> None:
    params, fields = SOURCE[endpoint.path]
    declared = [param.name + "*" * param.required for param in endpoint.params]
    assert declared == ["app_id*", "access_token*", *params.split()]
    assert [field.name for field in endpoint.fields] == fields.split()


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=path)
def test_statuses_stand_in_the_order_of_evaluation(endpoint: Endpoint) -> None:
    own = OWN_STATUSES.get(endpoint.path, list(endpoint.own_statuses))
    assert list(endpoint.statuses) == [*statuses.FIRST, *own, *statuses.LAST]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=path)
def test_nothing_is_declared_twice(endpoint: Endpoint) -> None:
    for names in (
        [param.name for param in endpoint.params],
        [field.name for field in endpoint.fields],
        [field.name for field in endpoint.entry],
        endpoint.statuses,
    ):
        assert len(set(names)) == len(names)


def test_names_and_paths_are_unique() -> None:
    everything: tuple[Block | Endpoint, ...] = (*BLOCKS, *ENDPOINTS)
    assert len({declared.slug for declared in everything}) == len(everything)
    assert len({declared.path for declared in everything}) == len(everything)


def test_an_entry_of_the_history_is_a_status() -> None:
    by_path = {endpoint.path: endpoint for endpoint in ENDPOINTS}
    assert by_path["voice/get_history"].entry == by_path["voice/query_status"].fields


def test_an_entry_of_the_numbers_has_what_the_reference_says() -> None:
    [active] = [endpoint for endpoint in ENDPOINTS if endpoint.path == "number/get_active"]
    assert " ".join(field.name for field in active.entry) == (
        "number forward_to forward_sms_to mode expiry auto_extend_status country state capabilities"
    )


def test_of_a_call_that_goes_on_only_duration_and_debit_are_missing() -> None:
    [status] = [endpoint for endpoint in ENDPOINTS if endpoint.path == "voice/query_status"]
    late = [field.name for field in status.fields if field.when != ALWAYS]
    assert late == ["duration", "debit"]
