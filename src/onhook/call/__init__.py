"""The life of one call, as a pure state machine: events in, effects out; no I/O and no clock.

``step(call, event)`` looks the pair of state and event up in :data:`onhook.call.table.TABLE` and
returns the call as it is afterwards together with what has to be done about it.
"""

from onhook.call.effects import (
    Accept,
    Answer,
    Effect,
    HangUp,
    Notify,
    Overtake,
    Play,
    Refuse,
    Reject,
    Reserve,
    StopMedia,
)
from onhook.call.events import (
    Acknowledged,
    BrokenOff,
    Cancelled,
    Due,
    Event,
    HangupDone,
    HungUp,
    MediaLost,
    OutOfCredit,
    Played,
    PreparationFailed,
    Prepared,
    Requested,
    SessionExpired,
    Shutdown,
    Unacknowledged,
)
from onhook.call.model import Call, Contact, End, EndedBy, Job, Limits, State
from onhook.call.table import TABLE, arrive, step

__all__ = [
    "TABLE",
    "Accept",
    "Acknowledged",
    "Answer",
    "BrokenOff",
    "Call",
    "Cancelled",
    "Contact",
    "Due",
    "Effect",
    "End",
    "EndedBy",
    "Event",
    "HangUp",
    "HangupDone",
    "HungUp",
    "Job",
    "Limits",
    "MediaLost",
    "Notify",
    "OutOfCredit",
    "Overtake",
    "Play",
    "Played",
    "PreparationFailed",
    "Prepared",
    "Refuse",
    "Reject",
    "Requested",
    "Reserve",
    "SessionExpired",
    "Shutdown",
    "State",
    "StopMedia",
    "Unacknowledged",
    "arrive",
    "step",
]
