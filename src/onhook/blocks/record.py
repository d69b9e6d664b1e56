"""The Record block: record what the other side says."""

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
class RecordRequest(SessionRequest):
    """Record for ``max_duration`` seconds at the most."""

    notify_url: WebUrl
    max_duration: int


RECORD = Block(
    name="record",
    place=Place.MIDDLE,
    request=RecordRequest,
    summary="Play a message and record what is said.",
    doc=(
        "Answers the call if it still rings, plays msg and a beep, and records until `#` is pressed, "
        "max_duration is over or the other side hangs up. Then notify_url is told where the recording, "
        "an mp3, can be fetched."
    ),
    params=(
        APP_ID,
        ACCESS_TOKEN,
        SESSION,
        notify_url("Where to send the link to the recording.", required=True),
        message("What to play before: text, <speech> and <url>."),
        Param(
            "max_duration",
            Kind.WHOLE,
            "How long to record at the most, seconds.",
            low=1,
            high=14400,
            default="120",
            example="60",
        ),
        TAG,
    ),
    own_statuses=SESSION_STATUSES,
    fields=(
        *ALWAYS_FIELDS,
        DEST,
        call_state("once the recording is complete"),
        Field(
            "record_url",
            "Where the recording can be fetched, an mp3. The link cannot be guessed, and expires.",
            "when a recording was begun",
            example="https://voice.example.com/recordings/9f2c8e6b1d4a7035.mp3",
        ),
        *ENDED_FIELDS,
    ),
    notes=(
        "If the other side hangs up while it records, the notification has call_state=ended and the link.",
        "Keys other than `#` do not end it. `#` during msg skips the rest of it and the beep.",
        "A link may be fetched at once: the reply waits for a recording that is still being finished, "
        "or asks with 503 and Retry-After to come again.",
    ),
)
