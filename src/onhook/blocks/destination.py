"""Where a call can be sent: what ``dest``, ``room`` and ``caller_id`` say. Pure."""

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from onhook.numbers import E164

PRIVATE: Final = "private"
"""The ``caller_id`` of a call that shows no number."""

MEMBERS_MAX = 8
"""Members of a room, and numbers that one request may call into it."""

_ROOM = re.compile(r"(?:\+[0-9]{0,3})?room:(.*)", re.DOTALL)
"""Two clients in the wild put a country code before everything (reference, section 1)."""
_ROOM_NAME = re.compile(r"[A-Za-z0-9._-]{0,32}")
DIGITS = r"[0-9*#A-D,]{1,64}"
"""Keys that can be sent, as a pattern; ``,`` is a pause of one second."""
_DIGITS = re.compile(DIGITS)


CallerId: TypeAlias = E164 | Literal["private"]
"""The number that a callee is shown, or that it is to be shown none."""


@dataclass(frozen=True, slots=True)
class PhoneDestination:
    """A number, with what is to be dialled after the answer (``,`` is a pause of one second)."""

    number: E164
    digits: str = ""


@dataclass(frozen=True, slots=True)
class RoomDestination:
    """A room; an empty name asks for a new one."""

    name: str


Destination: TypeAlias = PhoneDestination | RoomDestination


def split_room(text: str) -> str | None:
    """The name behind ``room:``, unchecked; None for what is no room."""
    found = _ROOM.fullmatch(text.strip())
    return found.group(1) if found else None


def is_room(name: str) -> bool:
    """Whether a room can be called so; the empty name is that of a new one."""
    return _ROOM_NAME.fullmatch(name) is not None


def split_digits(text: str) -> tuple[str, str] | None:
    """``+6561234567,,123#`` as the number and ``,,123#``; None if what follows cannot be dialled."""
    number, comma, rest = text.partition(",")
    digits = comma + rest
    return (number, digits) if not digits or _DIGITS.fullmatch(digits) else None
