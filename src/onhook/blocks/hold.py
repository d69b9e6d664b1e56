"""The blocks Hold and Unhold: let the other side wait, and come back to it."""

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
    Place,
    call_state,
    message,
    notify_url,
)
from onhook.blocks.request import SessionRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRequest(SessionRequest):
    """Play ``message``, or music, again and again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnholdRequest(SessionRequest):
    """Take the call off hold."""


HOLD = Block(
    name="hold",
    place=Place.MIDDLE,
    request=HoldRequest,
    summary="Put the call on hold.",
    doc=(
        "Answers the call if it still rings, and plays msg, or music without one, again and again "
        "until an Unhold. Only Unhold and a forced Hangup are accepted meanwhile. It sends no "
        "notification of its own."
    ),
    params=(
        APP_ID,
        ACCESS_TOKEN,
        SESSION,
        message("What to play again and again: text, <speech> and <url>; without it, music."),
    ),
    own_statuses=SESSION_STATUSES,
    fields=(),
    notes=(
        "If the other side hangs up meanwhile, the notification goes to the notify_url of the last "
        "block that had one.",
        "What is typed while the call is on hold is not kept.",
    ),
)

UNHOLD = Block(
    name="unhold",
    place=Place.MIDDLE,
    request=UnholdRequest,
    summary="Take the call off hold.",
    doc=(
        "Stops what Hold plays, then notifies notify_url; the next block can be requested from then "
        "on. Without notify_url the call is hung up."
    ),
    params=(
        APP_ID,
        ACCESS_TOKEN,
        SESSION,
        TAG,
        notify_url(
            "Where to send the notification. Without it the call is hung up, and no notification is sent."
        ),
    ),
    own_statuses=(
        *(status for status in SESSION_STATUSES if status != "error_session_not_ready"),
        "error_session_not_on_hold",
    ),
    fields=(*ALWAYS_FIELDS, DEST, call_state("as soon as it is quiet"), *ENDED_FIELDS),
    notes=(
        "`error_session_not_on_hold` is also what a request gets that comes while another block goes on, "
        "or while the call is being taken off hold already.",
    ),
)
