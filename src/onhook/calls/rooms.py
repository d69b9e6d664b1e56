"""Rooms: who is in which, and who may still come in.

A seat is taken while a request is prepared, so that a room that is full refuses it in the reply and
not in the middle of the call. A room is there as long as somebody has a seat in it.
"""

import string
from collections.abc import Callable
from typing import Protocol

from onhook import identifiers
from onhook.blocks import Refused
from onhook.blocks.destination import MEMBERS_MAX
from onhook.media.stream import Stream

_NAME_LETTERS = 12
_ALPHABET = string.ascii_letters + string.digits


class Mix(Protocol):
    """A room of the media plane."""

    def add(self, stream: Stream, *, muted: bool = False) -> None:
        """It hears all others from now on."""

    def remove(self, stream: Stream) -> None:
        """It hears nobody any more."""

    def mute(self, stream: Stream, muted: bool) -> None:
        """Nobody hears it, or everybody again."""

    def close(self) -> None:
        """Nobody is in it any more."""


class Seat:
    """A place in a room, for one call. ``leave()`` gives it back."""

    def __init__(self, room: "_Room") -> None:
        self.name = room.name
        self._room = room
        self._stream: Stream | None = None
        self._muted = False
        self._left = False

    @property
    def seated(self) -> bool:
        """Whether the call is in the room now."""
        return self._stream is not None

    def sit(self, stream: Stream) -> None:
        """The call hears the room, and the room hears it."""
        if not self._left:
            self._room.mix(stream).add(stream, muted=self._muted)
            self._stream = stream

    @property
    def muted(self) -> bool:
        """Whether the others do not hear it."""
        return self._muted

    def take_back(self, stream: Stream, mix: Mix) -> None:
        """The call sits in the room, and has since before this process: ``mix`` is that room, unless the
        others are in one of another media plane: then it comes to them."""
        if not self._room.adopt(mix):
            mix.remove(stream)
            self.sit(stream)
            return
        self._stream = stream
        self.mute(self._muted)  # what was asked last may not have come so far

    def mute(self, muted: bool) -> None:
        """Whether the others hear it."""
        self._muted = muted
        if self._stream is not None:
            self._room.mix(self._stream).mute(self._stream, muted)

    def leave(self) -> None:
        """The seat is free again. Does nothing the second time."""
        if self._left:
            return
        self._left = True
        stream, self._stream = self._stream, None
        if stream is not None:
            self._room.mix(stream).remove(stream)
        self._room.left(self)


class _Room:
    def __init__(
        self, name: str, open_mix: Callable[[Stream], Mix], on_empty: Callable[[], None]
    ) -> None:
        self.name = name
        self.seats: set[Seat] = set()
        self._open_mix = open_mix
        self._on_empty = on_empty
        self._mix: Mix | None = None

    def mix(self, stream: Stream) -> Mix:
        """The room of the media plane, which is opened for the first who comes in, where that one is."""
        if self._mix is None:
            self._mix = self._open_mix(stream)
        return self._mix

    def adopt(self, mix: Mix) -> bool:
        """The media plane has this room already; whether it is that of the others, too."""
        if self._mix is None:
            self._mix = mix
        return self._mix is mix

    def left(self, seat: Seat) -> None:
        self.seats.discard(seat)
        if self.seats:
            return
        if self._mix is not None:
            self._mix.close()
        self._on_empty()


class Rooms:
    """The rooms of this process, by application and name (reference, section 7)."""

    def __init__(self, open_mix: Callable[[Stream], Mix]) -> None:
        self._open_mix = open_mix
        self._rooms: dict[tuple[str, str], _Room] = {}

    def seat(self, app_id: str, name: str, *, most: int = MEMBERS_MAX) -> Seat:
        """A place in a room, which is made if it is not there; an empty name asks for a new one.

        Raises :class:`Refused` if the room is full.
        """
        name = name or new_name()
        key = app_id, name
        room = self._rooms.get(key)
        if room is None:
            room = _Room(name, self._open_mix, lambda: self._forget(key))
            self._rooms[key] = room
        if len(room.seats) >= most:
            detail = f"The room has {most} members already, as many as it can have."
            raise Refused("error_invalid_room", detail)
        seat = Seat(room)
        room.seats.add(seat)
        return seat

    def _forget(self, key: tuple[str, str]) -> None:
        self._rooms.pop(key, None)


def new_name() -> str:
    """A name that nobody has guessed. Clients that check names take letters, digits, ``.`` and ``_``."""
    return "R" + identifiers.token_text(_ALPHABET, _NAME_LETTERS)
