"""The works of the blocks: what each does while it runs, one module a block. Pure."""

from onhook.call.works.gather import Gathering
from onhook.call.works.hangup import Leaving
from onhook.call.works.hold import Holding, Unholding
from onhook.call.works.monitor import Monitoring
from onhook.call.works.play import Saying
from onhook.call.works.record import Recording
from onhook.call.works.transfer import Meeting, Transferring

__all__ = [
    "Gathering",
    "Holding",
    "Leaving",
    "Meeting",
    "Monitoring",
    "Recording",
    "Saying",
    "Transferring",
    "Unholding",
]
