"""What an application can ask for.

One module a block: its parameters with their limits, its statuses in the order in which they are
evaluated, and the fields of its notification, declared once. Parsing, the reply, the OpenAPI
document and the reference page are all read off the declaration.
"""

from onhook.blocks.declaration import Block, Field, Kind, Param, Place
from onhook.blocks.hangup import HANGUP
from onhook.blocks.play import PLAY
from onhook.blocks.request import BlockRequest, Refused, Syntax, check_present, parse

BLOCKS: tuple[Block, ...] = (PLAY, HANGUP)
"""Every block that the API serves, in the order of the reference."""

__all__ = [
    "BLOCKS",
    "HANGUP",
    "PLAY",
    "Block",
    "BlockRequest",
    "Field",
    "Kind",
    "Param",
    "Place",
    "Refused",
    "Syntax",
    "check_present",
    "parse",
]
