"""The SendDigits block: type keys to the other side of the call."""

from dataclasses import dataclass, field

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
    Place,
    call_state,
    message,
    notify_url,
)
from onhook.blocks.params import Kind, Param
from onhook.blocks.request import SessionRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class SendDigitsRequest(SessionRequest):
    """Type ``digits``, where ``,`` is a pause of one second. They may be a secret: no log shows them."""

    digits: str = field(repr=False)


SEND_DIGITS = Block(
    name="send_digits",
    place=Place.MIDDLE,
    request=SendDigitsRequest,
    summary="Type keys to the other side.",
    doc=(
        "Answers the call if it still rings, plays msg, then presses the keys of digits one after the "
        "other and notifies notify_url once the last of them was let go. They are sent as events (RFC "
        "4733), and as tones to a phone that does not take these. Without notify_url the call is hung "
        "up after the last key."
    ),
    params=(
        APP_ID,
        ACCESS_TOKEN,
        SESSION,
        TAG,
        notify_url(
            "Where to send the notification once the last key was sent. Without it the call is hung up "
            "then, and no notification is sent."
        ),
        message("What to play before: text, <speech> and <url>."),
        Param(
            "digits",
            Kind.PATTERN,
            "The keys, 1 to 64 of `0` to `9`, `*`, `#` and `A` to `D` in capitals; a comma is a pause of "
            "one second.",
            required=True,
            pattern="[0-9*#A-D,]{1,64}",
            example="1,,1042#",
        ),
    ),
    own_statuses=SESSION_STATUSES,
    fields=(
        *ALWAYS_FIELDS,
        DEST,
        call_state("once the last key was sent"),
        *ENDED_FIELDS,
    ),
    notes=(
        "The block is beyond the original API.",
        "A key is pressed for 100 ms, and 60 ms lie between two.",
        "In a query string `#` is `%23`.",
        "Keys that the other side presses meanwhile are kept for the next Gather, as they are while a "
        "Play goes on.",
    ),
)
