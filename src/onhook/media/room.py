"""A room: several calls that hear each other."""

from onhook.media._plane import lib
from onhook.media.errors import RoomClosed, RoomFull
from onhook.media.play_queue import Ask
from onhook.media.stream import Stream


class Room:
    """Up to eight streams, each of which hears all others mixed; made by `MediaPlane.open_room()`.

    What is played on a member wins over the mix for that member alone. A stream that closes, is
    bridged or is added elsewhere leaves by itself. Rooms are independent of who is in them: an
    empty one stays open.
    """

    def __init__(self, ask: Ask, handle: int) -> None:
        self._ask = ask
        self._handle = handle
        self._members: set[Stream] = set()
        self._open = True

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, stream: Stream) -> bool:
        return stream in self._members

    @property
    def is_open(self) -> bool:
        """Whether streams can be added."""
        return self._open

    def add(self, stream: Stream, *, muted: bool = False) -> None:
        """Let a stream in; it leaves what it was joined to. A member is only muted, or not.

        Raises `RoomClosed`, `RoomFull`, `StreamClosed`, and `ValueError` for a stream of another
        plane.
        """
        if stream in self._members:
            self.mute(stream, muted)
            return
        if not self._open:
            raise RoomClosed("the room is closed")
        if stream._ask != self._ask:
            raise ValueError("a room and its members are of one plane")
        stream._require_open()
        if len(self._members) >= lib.PLANE_ROOM_MEMBERS:
            raise RoomFull(f"a room has {lib.PLANE_ROOM_MEMBERS} members at the most")
        self._ask(lib.plane_join, self._handle, stream._handle, muted)
        stream._part()
        stream._members = self._members
        self._members.add(stream)

    def remove(self, stream: Stream) -> None:
        """Let a member go; its stream goes on. Does nothing for a stream that is not in here."""
        if stream in self._members:
            self._ask(lib.plane_leave, stream._handle)
            stream._part()

    def mute(self, stream: Stream, muted: bool) -> None:
        """Whether the others do not hear a member, who hears them all the same.

        Raises `ValueError` for a stream that is not in here.
        """
        if stream not in self._members:
            raise ValueError("the stream is not in this room")
        self._ask(lib.plane_mute, stream._handle, muted)

    def close(self) -> None:
        """Let all go. Does nothing the second time, or when the plane is gone."""
        if not self._open:
            return
        self.abandon()
        self._ask(lib.plane_close_room, self._handle)

    def abandon(self) -> None:
        """For the plane: it is gone, and the room with it."""
        self._open = False
        for stream in tuple(self._members):
            stream._part()
