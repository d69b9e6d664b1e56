"""The Hangup block: play a message, hang up, tell the application what the call came to.

Source: the page of ``ivr/end/hangup`` in the documentation of the API that Onhook is compatible with.
"""

from dataclasses import dataclass

from onhook.blocks.declaration import (
    ACCESS_TOKEN,
    ALWAYS_FIELDS,
    APP_ID,
    DEST,
    ENDED_FIELDS,
    MEDIA,
    SESSION,
    TAG,
    Block,
    Field,
    Place,
    message,
    notify_url,
)
from onhook.blocks.params import Kind, Param
from onhook.blocks.rejection import REJECT
from onhook.blocks.request import SessionRequest
from onhook.blocks.sip_headers import SIP_HEADERS

_CUT_SHORT = {
    "dial_status": "Dial",
    "digits": "Gather",
    "record_url": "Record",
    "monitor_url": "Monitor",
    "transfer_status": "Transfer",
}
"""A block's own field of its notification: it comes with that of the Hangup which ends the block by force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HangupRequest(SessionRequest):
    """Hang up; ``force`` is the only way into the middle of another block."""


HANGUP = Block(
    name="hangup",
    place=Place.END,
    request=HangupRequest,
    summary="Hang up the call, after a message if one is given.",
    doc=(
        "Plays msg to its last sample, hangs up, then notifies notify_url. A call that still rings "
        "is answered to play msg; without msg it is rejected, as reject says. No other block can follow. "
        "With force=enabled the call is hung up at once, at any moment of the session, whatever block "
        "is in progress, and without a message."
    ),
    params=(
        APP_ID,
        ACCESS_TOKEN,
        SESSION,
        Param(
            "force",
            Kind.SWITCH,
            "With the value `enabled` the call is hung up immediately, even in the middle of another "
            "block; msg must not be given. Any other value counts as not given.",
            example="enabled",
        ),
        message("What to play before the call is hung up: text, <speech> and <url>."),
        TAG,
        notify_url(
            "Where to send the notification once the call is over. Without it the call is hung up "
            "after msg, and no notification is sent."
        ),
        REJECT,
        MEDIA,
        SIP_HEADERS,
    ),
    own_statuses=(
        "error_invalid_session",
        "error_session_access_denied",
        "error_session_ended",
        "error_hangup_already_in_progress",
        "error_cannot_play_msg_with_force",
        "error_session_not_ready",
    ),
    fields=(
        *ALWAYS_FIELDS,
        DEST,
        Field(
            "call_state",
            "`ended`: no more requests can be sent for this call.",
            values=("ended",),
            example="ended",
        ),
        *(
            Field(
                name, f"What the {block} came to that was cut short.", f"when force ended a {block}"
            )
            for name, block in _CUT_SHORT.items()
        ),
        *ENDED_FIELDS,
    ),
    hangs_up=True,
    notes=(
        "What a block that force cuts short has come to by then (digits, record_url, transfer_status, …) "
        "stands in the notification of the Hangup. If that has no notify_url, voice/query_status names "
        "the recording.",
        "The limit of msg is 1000 characters. The original documentation says 1000 at the "
        "parameter and 500 at the status error_msg_invalid_length; the 500 comes from an older "
        "generation of it, and clients send up to 1000.",
        "The final response that rejects a call has the Q.850 cause in a Reason header. The headers of "
        "`sip_header_X-…` stand in the BYE, or in that response; never in a CANCEL, which goes no further "
        "than the next hop.",
        "Of any number of parallel Hangups exactly one is accepted. A forced one is still accepted "
        "once while the message of an earlier unforced one plays: it cuts the message short.",
    ),
)
