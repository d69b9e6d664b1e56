"""What every call of a process uses."""

from collections.abc import Callable
from dataclasses import dataclass

from onhook.call import Event, Limits, Notification
from onhook.call.works import RecordingSettings
from onhook.calls.call_metrics import CallMetrics
from onhook.calls.concurrency import CallsInProgress
from onhook.calls.directory import Directory
from onhook.calls.journal import Journal
from onhook.calls.leg_recordings import Spools
from onhook.calls.outbound import Outbound
from onhook.calls.pricing import Pricing
from onhook.calls.resources import Allocator
from onhook.calls.rooms import Rooms
from onhook.calls.sealing import Sealing
from onhook.calls.traces import Recorder
from onhook.media.plane import MediaPlane
from onhook.store import Store


@dataclass(frozen=True, slots=True)
class CallServices:
    """What every call of a process uses."""

    worker: str
    """The name of this process, whose calls they are."""
    limits: Limits
    store: Store
    directory: Directory
    in_progress: CallsInProgress
    journal: Journal
    plane: MediaPlane
    allocator: Allocator
    metrics: CallMetrics
    deliver: Callable[[Notification], None]
    pricing: Pricing
    outbound: Outbound
    rooms: Rooms
    spools: Spools
    sealing: Sealing
    recording: RecordingSettings
    local_ip: Callable[[str], str]
    """The address of ours to which a peer is to send audio."""
    audio_from_anywhere: bool
    """Whether the audio of calls that come in may come from any address (``--rtp-latching``)."""
    happened: Callable[[str, Event], None] | None
    """Is shown what happens to each call, by its session, for its trace; None where none is kept. It must be
    quick."""
    trace: Recorder | None
    """Is told what is heard in each call, for its trace; None where none is kept."""
    silence_s: float
    """How long the other side may send no audio before it is asked whether it is still there."""
