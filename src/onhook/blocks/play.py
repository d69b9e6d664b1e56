"""The Play block: play a message and tell the application when it was heard."""

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
    message,
    notify_url,
)
from onhook.blocks.request import SessionRequest
from onhook.message import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayRequest(SessionRequest):
    """Play ``message``."""

    message: Message


PLAY = Block(
    name="play",
    place=Place.MIDDLE,
    request=PlayRequest,
    summary="Play a message.",
    doc=(
        "Answers the call if it still rings, plays msg to its last sample, then notifies "
        "notify_url; the next block can be requested from then on. Without notify_url the call "
        "is hung up after the message."
    ),
    params=(
        APP_ID,
        ACCESS_TOKEN,
        SESSION,
        message("What to play: text, <speech> and <url>.", required=True),
        TAG,
        notify_url(
            "Where to send the notification once msg was heard. Without it the call is hung up "
            "after msg, and no notification is sent."
        ),
    ),
    own_statuses=SESSION_STATUSES,
    fields=(
        *ALWAYS_FIELDS,
        DEST,
        Field(
            "call_state",
            "`ongoing` once msg was heard; `ended` when the call is over before that, or later while "
            "no other block was accepted.",
            values=("ongoing", "ended"),
            example="ongoing",
        ),
        *ENDED_FIELDS,
    ),
)
