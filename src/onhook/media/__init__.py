"""What is heard: the media plane, prompts, G.711."""

from onhook.media.errors import (
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
)
from onhook.media.g711 import Codec
from onhook.media.plane import MediaPlane, PlaneHealth, PortReservation
from onhook.media.prompt import Prompt
from onhook.media.room import Room
from onhook.media.sounds import Sound
from onhook.media.stream import Playable, Stream, StreamListener, StreamStats

__all__ = [
    "BadRemote",
    "Codec",
    "MediaError",
    "MediaPlane",
    "NoPortLeft",
    "NotRunning",
    "PlaneHealth",
    "Playable",
    "PortReservation",
    "Prompt",
    "PromptDamaged",
    "PromptError",
    "PromptMissing",
    "QueueFull",
    "Room",
    "RoomClosed",
    "RoomFull",
    "Sound",
    "Stream",
    "StreamClosed",
    "StreamListener",
    "StreamStats",
]
