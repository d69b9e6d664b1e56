"""The Dial block: place a call, play a message when it is answered, tell the application."""

from dataclasses import dataclass

from onhook.blocks.declaration import (
    ACCESS_TOKEN,
    ALWAYS_FIELDS,
    APP_ID,
    CALLER_ID,
    DEST,
    DEST_NUMBER,
    ENDED_FIELDS,
    MEDIA,
    OUTCOMES,
    RING_TIME,
    SESSION,
    TAG,
    Block,
    Field,
    Place,
    call_state,
    message,
    notify_url,
    outcome,
)
from onhook.blocks.destination import CallerId
from onhook.blocks.params import Kind, Param
from onhook.blocks.request import BlockRequest
from onhook.blocks.sip_headers import SIP_HEADERS
from onhook.numbers import E164

MAX_DURATION = Param(
    "max_duration",
    Kind.WHOLE,
    "How long the call may last from its answer on, seconds; then it is hung up.",
    low=1,
    high=14400,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DialRequest(BlockRequest):
    """Call ``dest``, whose phone rings for ``ring_time`` s; the call lasts ``max_duration`` s at the most."""

    dest: E164
    caller_id: CallerId | None = None
    max_duration: int | None = None
    ring_time: int


DIAL = Block(
    name="dial",
    place=Place.START,
    request=DialRequest,
    summary="Call a number.",
    doc=(
        "Places a call to dest; the reply carries its session at once. When the callee answers, msg "
        "is played to its last sample, then notify_url is told and the next block can be requested. "
        "If the callee does not answer, notify_url is told that the call has ended, and why."
    ),
    params=(
        APP_ID,
        ACCESS_TOKEN,
        Param(
            "dest",
            Kind.CALLEE,
            "The number to call, in E.164.",
            required=True,
            example=DEST_NUMBER,
        ),
        message("What to play once the callee has answered: text, <speech> and <url>."),
        CALLER_ID,
        MAX_DURATION,
        RING_TIME,
        TAG,
        notify_url(
            "Where to send the notification once msg was heard, or the call was not answered. "
            "Without it the call is hung up after msg, and no notification is sent."
        ),
        MEDIA,
        SIP_HEADERS,
    ),
    own_statuses=(),
    reply=(
        Field("txn_ref", "The reference of the call.", example="AA-C-482913305716620481"),
        Field(
            "session", "The session of the call, for the blocks to come.", example=SESSION.example
        ),
    ),
    fields=(
        *ALWAYS_FIELDS,
        DEST,
        call_state("once the callee has answered and msg was heard"),
        outcome("dial_status", "What became of the call."),
        *ENDED_FIELDS,
    ),
    notes=(
        OUTCOMES,
        "While the callee's phone rings only a forced Hangup is accepted: it stops the ringing.",
        "Ring time is never billed.",
    ),
)
