"""The Gather block: ask for digits."""

from dataclasses import dataclass

from onhook.blocks.declaration import (
    ACCESS_TOKEN,
    ALWAYS_FIELDS,
    APP_ID,
    DEST,
    ENDED_FIELDS,
    SESSION,
    SESSION_STATUSES,
    TAG,
    Block,
    Field,
    Place,
    call_state,
    message,
    notify_url,
)
from onhook.blocks.params import Kind, Param
from onhook.blocks.request import SessionRequest
from onhook.urls import WebUrl


@dataclass(frozen=True, slots=True, kw_only=True)
class GatherRequest(SessionRequest):
    """Gather ``max_digits`` (0: as many as come) within ``timeout`` seconds of each of ``attempts``."""

    notify_url: WebUrl
    max_digits: int
    timeout: int
    attempts: int


GATHER = Block(
    name="gather",
    place=Place.MIDDLE,
    request=GatherRequest,
    summary="Play a message and gather digits.",
    doc=(
        "Answers the call if it still rings, plays msg, and gathers the digits that are typed, by "
        "RFC 4733 or SIP INFO. A digit stops msg. Gathering ends with max_digits digits, with `#`, "
        "which is never part of the result, or when the time is over; then notify_url is told."
    ),
    params=(
        APP_ID,
        ACCESS_TOKEN,
        SESSION,
        notify_url("Where to send what was typed.", required=True),
        message("What to play: text, <speech> and <url>. A digit stops it."),
        Param(
            "max_digits",
            Kind.WHOLE,
            "How many digits end it, 0 to 255. With 0 only `#` and the timeout do.",
            low=0,
            high=255,
            default="0",
            example="4",
        ),
        Param(
            "timeout",
            Kind.WHOLE,
            "How long to wait for digits, seconds from the end of msg.",
            low=1,
            high=600,
            default="15",
            example="10",
        ),
        Param(
            "attempts",
            Kind.WHOLE,
            "How often msg is played and digits are waited for, as long as none is typed.",
            low=1,
            high=10,
            default="1",
        ),
        TAG,
    ),
    own_statuses=SESSION_STATUSES,
    fields=(
        *ALWAYS_FIELDS,
        DEST,
        call_state("once it is known what was typed"),
        Field("digits", "What was typed; may be empty.", example="1042"),
        *ENDED_FIELDS,
    ),
    notes=(
        "Digits that are typed while no Gather runs are kept for the next one of the session, up to "
        "255; then it does not play msg. Hold, Record and Transfer keep none. A `#` that comes before any "
        "of them is not kept: it ended the Gather before.",
        "The timeout is not started anew by a digit: what was typed when it ends is the result.",
        "If the other side hangs up in the middle, the notification has call_state=ended and what was "
        "typed so far.",
    ),
)
