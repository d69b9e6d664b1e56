"""What an application can ask for.

One module a block: its parameters with their limits, its statuses in the order in which they are
evaluated, and the fields of its notification, declared once. Parsing, the reply, the OpenAPI
document and the reference page are all read off the declaration.
"""

from onhook.blocks.account import ENDPOINTS
from onhook.blocks.answer import ANSWER
from onhook.blocks.call import CALL, HANG_UP_CALL
from onhook.blocks.conference import CONFERENCE, MODERATE, VOICE_CONFERENCE
from onhook.blocks.declaration import Block, Field, Kind, Notice, Param, Place
from onhook.blocks.destination import Destination
from onhook.blocks.dial import DIAL
from onhook.blocks.endpoint import Endpoint
from onhook.blocks.gather import GATHER
from onhook.blocks.hangup import HANGUP
from onhook.blocks.hold import HOLD, UNHOLD
from onhook.blocks.monitor import MONITOR
from onhook.blocks.play import PLAY
from onhook.blocks.record import RECORD
from onhook.blocks.request import (
    BlockRequest,
    Refused,
    RequestKey,
    Syntax,
    check_present,
    parse,
    trimmed,
)
from onhook.blocks.transfer import TRANSFER

BLOCKS: tuple[Block, ...] = (
    DIAL,
    PLAY,
    GATHER,
    RECORD,
    MONITOR,
    HOLD,
    UNHOLD,
    TRANSFER,
    HANGUP,
    CALL,
    HANG_UP_CALL,
    VOICE_CONFERENCE,
    CONFERENCE,
    MODERATE,
)
"""Every block that the API serves, in the order of the reference."""

NOTICES: tuple[Notice, ...] = (ANSWER,)
"""Every notification that is sent without a request having asked for it."""

__all__ = [
    "ANSWER",
    "BLOCKS",
    "CALL",
    "CONFERENCE",
    "DIAL",
    "ENDPOINTS",
    "GATHER",
    "HANGUP",
    "HANG_UP_CALL",
    "HOLD",
    "MODERATE",
    "MONITOR",
    "NOTICES",
    "PLAY",
    "RECORD",
    "TRANSFER",
    "UNHOLD",
    "VOICE_CONFERENCE",
    "Block",
    "BlockRequest",
    "Destination",
    "Endpoint",
    "Field",
    "Kind",
    "Notice",
    "Param",
    "Place",
    "Refused",
    "RequestKey",
    "Syntax",
    "check_present",
    "parse",
    "trimmed",
]
