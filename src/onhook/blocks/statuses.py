"""Every status that the API can answer with, and what a developer should do about it.

The order inside the groups is the order of evaluation: the first rule that a request breaks
decides its status. A ``%s`` stands for what only the moment knows (a limit, a name).
"""

from collections.abc import Sequence
from typing import Final

SUCCESS: Final = "success_ok"

SENTENCES: Final[dict[str, str]] = {
    SUCCESS: "The request has been accepted.",
    "error_invalid_http_method": "Only GET and POST are allowed here; send the request with one of them.",
    "error_malformed_params": (
        "The parameters cannot be read: they must be UTF-8, form-encoded, with complete percent escapes."
    ),
    "error_X_param_missing": "The required parameter %s is missing or empty; send it with a value.",
    "error_invalid_access_token": (
        "The access token is unknown, revoked, or belongs to another application; "
        "check access_token and app_id together."
    ),
    "error_invalid_app_id": (
        "No application has this app_id; check it against the output of 'onhook app create'."
    ),
    "error_rate_limit_exceeded": "Too many requests of this application; wait %s seconds and try again.",
    "error_idempotency_key_reused": (
        "Another request was made under this idempotency key within 24 hours; "
        "send each request with a key of its own."
    ),
    "error_msg_invalid_length": "msg has %s characters; at most %s are allowed, markup included.",
    "error_msg_invalid_xml": (
        "The markup of msg is not well-formed or uses something else than <speech> and <url>."
    ),
    "error_msg_invalid_language": "msg asks for a language that no installed voice speaks.",
    "error_msg_invalid_gender": "msg asks for a gender in which its language has no installed voice.",
    "error_msg_invalid_url": "A <url> of msg is not an absolute http or https URL.",
    "error_msg_cannot_convert_text": "The text of msg cannot be spoken by the chosen voice.",
    "error_msg_download_failed": "The file of a <url> of msg could not be downloaded.",
    "error_msg_invalid_file_format": (
        "The file of a <url> of msg is not a .mp3, .wav or .gsm recording, or its ending does not fit."
    ),
    "error_msg_invalid_file_size": "The file of a <url> of msg is larger than 10 MB.",
    "error_tag_invalid_length": "tag has %s characters; at most %s are allowed.",
    "error_invalid_notify_url": "notify_url is not an absolute http or https URL of at most 4000 characters.",
    "error_unable_to_resolve_notify_url": (
        "The host of notify_url has no address that this server may call."
    ),
    "error_unable_to_complete_ssl_handshake_notify_url": (
        "The TLS handshake with the host of notify_url failed; check its certificate and its chain."
    ),
    "error_invalid_session": "No call has this session, or it ended more than 24 hours ago.",
    "error_session_access_denied": "This session belongs to another application.",
    "error_session_ended": "The call of this session has ended; nothing more can be done with it.",
    "error_hangup_already_in_progress": (
        "A Hangup of this session was accepted or is being prepared; wait for its notification."
    ),
    "error_cannot_play_msg_with_force": (
        "force=enabled hangs up at once, so no msg can be heard; leave out one of the two."
    ),
    "error_session_not_ready": (
        "The previous request of this session is still being processed; "
        "send the next one when its notification arrives."
    ),
    "error_invalid_txn_ref": "No call has this txn_ref; it is in the notifications of the call.",
    "error_txn_ref_access_denied": "The call of this txn_ref belongs to another account.",
    "error_from_invalid": "from is not a date and time as in 2026-01-31 13:05:59 (GMT+8).",
    "error_to_invalid": "to is not a date and time as in 2026-01-31 13:05:59 (GMT+8).",
    "error_to_before_from": "to is earlier than from; exchange the two.",
    "error_page_invalid": "page is not a whole number from 1.",
    "error_dest1_invalid": "dest1 is not a phone number in E.164, such as +6531234567.",
    "error_dest2_invalid": "dest2 is not a phone number in E.164, such as +6531234567.",
    "error_number_invalid": "number is not a phone number in E.164, such as +6531234567.",
    "error_number_not_assigned": (
        "This number does not belong to the application; see number/get_active."
    ),
    "error_forward_to_invalid": (
        "forward_to is not an absolute http or https URL of at most 4000 characters."
    ),
    "error_incoming_sms_not_supported": (
        "This server receives no text messages; leave out forward_sms_to."
    ),
    "error_mode_invalid": "mode is not voice; this server receives no faxes.",
    "error_unable_to_resolve_forward_to": (
        "The host of forward_to has no address that this server may call."
    ),
    "error_invalid_max_digits": "max_digits is not a whole number from 0 to 255.",
    "error_invalid_timeout": "timeout is not a whole number of seconds from 1 to 600.",
    "error_invalid_attempts": "attempts is not a whole number from 1 to 10.",
    "error_invalid_digits": (
        "digits is not 1 to 64 of 0 to 9, *, #, A to D (in capitals), and commas for pauses of a second."
    ),
    "error_invalid_max_duration": "max_duration is not a whole number of seconds from 1 to 14400.",
    "error_invalid_ring_time": "ring_time is not a whole number of seconds from 1 to 180.",
    "error_on_failure_invalid": "on_failure is neither hangup nor continue.",
    "error_monitor_in_progress": "This call is being monitored already; one recording has all of it.",
    "error_session_not_on_hold": "The call is not on hold; Unhold follows a Hold.",
    "error_dest_invalid": (
        "dest is not a phone number in E.164, such as +6591112222, nor anything else allowed here."
    ),
    "error_dest_not_supported": "No trunk of this server leads to the number in dest.",
    "error_dest1_not_supported": "No trunk of this server leads to the number in dest1.",
    "error_dest2_not_supported": (
        "No trunk of this server leads to the number in dest2, or it is charged in other steps than dest1."
    ),
    "error_same_dest1_dest2": (
        "dest1, which is the registered number where it is left out, and dest2 are one and the same."
    ),
    "error_not_allowed_for_trial": (
        "An account on trial calls its registered number only, until it is credited."
    ),
    "error_caller_id_invalid": (
        "caller_id is not a number of this account, its registered number, or private."
    ),
    "error_invalid_room": (
        "A room's name is 1 to 32 letters, digits, dots, underscores and hyphens, and a room has at "
        "most 8 members."
    ),
    "error_invalid_reject": (
        "reject is busy, declined, unavailable, or a SIP status from 400 to 699 other than 401, 407, 408, "
        "481, 482, 487 and 491; and it cannot stand beside msg, which answers the call."
    ),
    "error_invalid_sip_header": (
        "A sip_header_ parameter is for User-to-User or a header whose name begins with X-, has 1 to 512 "
        "printable characters, and shares 4096 bytes with at most 19 others."
    ),
    "error_insufficient_credit": "The account's balance does not pay for this call; top it up.",
    "error_concurrent_call_limit_reached": (
        "The account has as many calls in progress as it may have; wait until one is over."
    ),
    "error_call_service_not_available": (
        "This server has no trunk to place calls over; add one with 'onhook trunk add'."
    ),
    "error_sms_service_not_available": "This server sends and receives no text messages.",
    "error_service_not_available": (
        "Nothing is served at this path; see /docs for everything that is."
    ),
    "error_invalid_action": "action is neither kick nor mute nor unmute.",
    "error_not_in_conference": "The call of this txn_ref is in no room now.",
    "error_internal_server_error": (
        "Something unexpected went wrong here. Tell the operator the incident id %s."
    ),
}
"""Status to the sentence of its ``detail`` field."""

FIRST: Final = (
    SUCCESS,
    "error_invalid_http_method",
    "error_malformed_params",
    "error_X_param_missing",
    "error_invalid_access_token",
    "error_invalid_app_id",
    "error_rate_limit_exceeded",
    "error_idempotency_key_reused",
)
"""What every endpoint checks before it looks at its own parameters."""

MESSAGE_SYNTAX: Final = (
    "error_msg_invalid_length",
    "error_msg_invalid_xml",
    "error_msg_invalid_language",
    "error_msg_invalid_gender",
    "error_msg_invalid_url",
)
TAG: Final = ("error_tag_invalid_length",)
NOTIFY_SYNTAX: Final = ("error_invalid_notify_url",)
MESSAGE_PREPARATION: Final = (
    "error_msg_cannot_convert_text",
    "error_msg_download_failed",
    "error_msg_invalid_file_format",
    "error_msg_invalid_file_size",
)
NOTIFY_PREPARATION: Final = (
    "error_unable_to_resolve_notify_url",
    "error_unable_to_complete_ssl_handshake_notify_url",
)
_CALLEE_PREPARATION: Final = (
    "error_not_allowed_for_trial",
    "error_call_service_not_available",
    "error_%s_not_supported",
    "error_caller_id_invalid",
    "error_concurrent_call_limit_reached",
    "error_insufficient_credit",
)
LAST: Final = ("error_internal_server_error",)


def callee_preparation(names: Sequence[str]) -> tuple[str, ...]:
    """What the numbers of these parameters can be refused with once they are to be called."""
    return tuple(
        status % name if "%s" in status else status
        for status in _CALLEE_PREPARATION
        for name in (names if "%s" in status else [""])
    )


def detail(status: str, *values: object) -> str:
    """The sentence of a status, with its blanks filled in; the bare sentence where none are given.

    A missing parameter is named by its status, e.g. ``error_session_param_missing``.
    """
    if status not in SENTENCES and status.endswith("_param_missing"):
        name = status.removeprefix("error_").removesuffix("_param_missing")
        return SENTENCES["error_X_param_missing"] % name
    sentence = SENTENCES[status]
    return sentence % values if values else sentence
