"""What an application can ask for.

One module a block: its parameters with their limits and defaults, the typed request that parsing makes of
them, its statuses in the order in which they are evaluated, and the fields of its notification, declared
once. Parsing, the reply, the OpenAPI document and the reference page are all read off the declaration.
"""

from onhook.blocks import sip_headers
from onhook.blocks.account import ENDPOINTS
from onhook.blocks.answer import ANSWER
from onhook.blocks.call import CALL, HANG_UP_CALL
from onhook.blocks.conference import CONFERENCE, MODERATE, VOICE_CONFERENCE
from onhook.blocks.declaration import Block, Field, Notice, Place
from onhook.blocks.dial import DIAL
from onhook.blocks.endpoint import Endpoint
from onhook.blocks.gather import GATHER
from onhook.blocks.hangup import HANGUP
from onhook.blocks.hold import HOLD, UNHOLD
from onhook.blocks.monitor import MONITOR
from onhook.blocks.params import Kind, Param
from onhook.blocks.parsing import ReadMessage, check_present, parse, trimmed
from onhook.blocks.play import PLAY
from onhook.blocks.record import RECORD
from onhook.blocks.request import BlockRequest, Refused, RequestKey, SessionRequest
from onhook.blocks.send_digits import SEND_DIGITS
from onhook.blocks.transfer import TRANSFER

BLOCKS: tuple[Block, ...] = (
    DIAL,
    PLAY,
    GATHER,
    SEND_DIGITS,
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

_BLOCKS = {block.request: block for block in BLOCKS}
REQUESTS = tuple(_BLOCKS)
"""The request of every block, in the same order."""

if len(REQUESTS) != len(BLOCKS):
    raise TypeError("two blocks have the same request")


def block_of(request: BlockRequest) -> Block:
    """The block that was asked for."""
    return _BLOCKS[type(request)]


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
    "REQUESTS",
    "SEND_DIGITS",
    "TRANSFER",
    "UNHOLD",
    "VOICE_CONFERENCE",
    "Block",
    "BlockRequest",
    "Endpoint",
    "Field",
    "Kind",
    "Notice",
    "Param",
    "Place",
    "ReadMessage",
    "Refused",
    "RequestKey",
    "SessionRequest",
    "block_of",
    "check_present",
    "parse",
    "sip_headers",
    "trimmed",
]
