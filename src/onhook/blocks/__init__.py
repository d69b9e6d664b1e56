"""What an application can ask for.

One module a block: its parameters with their limits, its statuses in the order in which they are
evaluated, and the fields of its notification, declared once. Parsing, the reply, the OpenAPI
document and the reference page are all read off the declaration.
"""

from onhook.blocks.account import ENDPOINTS
from onhook.blocks.answer import ANSWER
from onhook.blocks.declaration import Block, Field, Kind, Notice, Param, Place
from onhook.blocks.endpoint import Endpoint
from onhook.blocks.hangup import HANGUP
from onhook.blocks.play import PLAY
from onhook.blocks.request import BlockRequest, Refused, RequestKey, Syntax, check_present, parse

BLOCKS: tuple[Block, ...] = (PLAY, HANGUP)
"""Every block that the API serves, in the order of the reference."""

NOTICES: tuple[Notice, ...] = (ANSWER,)
"""Every notification that is sent without a request having asked for it."""

__all__ = [
    "ANSWER",
    "BLOCKS",
    "ENDPOINTS",
    "HANGUP",
    "NOTICES",
    "PLAY",
    "Block",
    "BlockRequest",
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
]
