"""What is heard: the media plane, prompts, G.711."""

from onhook.media.errors import (
    BadLink,
    BadRemote,
    MediaError,
    NoPortLeft,
    NotRunning,
    PromptDamaged,
    PromptError,
    PromptMissing,
    QueueFull,
    RoomClosed,
    RoomFull,
    StreamClosed,
    TooManyRecordings,
)
from onhook.media.found import FoundStream
from onhook.media.g711 import Codec
from onhook.media.plane import MediaPlane, PortReservation
from onhook.media.play_queue import Playable
from onhook.media.prompt import Prompt
from onhook.media.recorder import OnRecorded, Recorder, RecordingStats
from onhook.media.room import Room
from onhook.media.sounds import Sound
from onhook.media.steering import PlaneHealth
from onhook.media.stream import (
    Latching,
    PeerReport,
    Signs,
    Stream,
    StreamListener,
    StreamStats,
)

__all__ = [
    "BadLink",
    "BadRemote",
    "Codec",
    "FoundStream",
    "Latching",
    "MediaError",
    "MediaPlane",
    "NoPortLeft",
    "NotRunning",
    "OnRecorded",
    "PeerReport",
    "PlaneHealth",
    "Playable",
    "PortReservation",
    "Prompt",
    "PromptDamaged",
    "PromptError",
    "PromptMissing",
    "QueueFull",
    "Recorder",
    "RecordingStats",
    "Room",
    "RoomClosed",
    "RoomFull",
    "Signs",
    "Sound",
    "Stream",
    "StreamClosed",
    "StreamListener",
    "StreamStats",
    "TooManyRecordings",
]
