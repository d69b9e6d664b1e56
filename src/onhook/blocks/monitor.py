"""The Monitor block: record the whole call from here on."""

from dataclasses import dataclass

from onhook.blocks.declaration import (
    ACCESS_TOKEN,
    ALWAYS_FIELDS,
    APP_ID,
    DEST,
    ENDED_FIELDS,
    NOTIFY_URL_MAX,
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
class MonitorRequest(SessionRequest):
    """Record the whole call, and tell ``monitor_notify_url``, or else ``notify_url``, of the recording."""

    notify_url: WebUrl
    monitor_notify_url: WebUrl | None = None

    @property
    def told(self) -> tuple[WebUrl, ...]:
        """Both of them."""
        more = self.monitor_notify_url
        return (self.notify_url,) if more is None else (self.notify_url, more)


MONITOR = Block(
    name="monitor",
    place=Place.MIDDLE,
    request=MonitorRequest,
    summary="Record the whole call.",
    doc=(
        "Answers the call if it still rings, begins to record both sides, plays msg, then notifies "
        "notify_url; the next block can be requested from then on. When the call is over, "
        "monitor_notify_url is told where the recording, an mp3, can be fetched."
    ),
    params=(
        APP_ID,
        ACCESS_TOKEN,
        SESSION,
        notify_url("Where to send the notification once msg was heard.", required=True),
        Param(
            "monitor_notify_url",
            Kind.NOTIFY_URL,
            "Where to send the link to the recording once the call is over; without it, to notify_url.",
            max_length=NOTIFY_URL_MAX,
            example="https://app.example.com/recordings",
        ),
        message("What to play, e.g. that the call is recorded: text, <speech> and <url>."),
        TAG,
    ),
    own_statuses=(*SESSION_STATUSES, "error_monitor_in_progress"),
    fields=(
        *ALWAYS_FIELDS,
        DEST,
        call_state("once msg was heard and the next block can be requested"),
        Field(
            "monitor_url",
            "Where the recording can be fetched, an mp3. The link cannot be guessed, and expires.",
            "when the call has ended, in the notification to monitor_notify_url",
            example="https://voice.example.com/recordings/9f2c8e6b1d4a7035.mp3",
        ),
        *ENDED_FIELDS,
    ),
    notes=(
        "A monitored call has two last notifications, both with call_state=ended and the bill: that of "
        "the last block, and the monitor's own with monitor_url. If no block was accepted after the "
        "Monitor and both go to the same URL, they are one.",
    ),
)
