"""What can go wrong in this part.

MediaError
    NoPortLeft      no call can be added: ports or sockets are used up
    BadRemote       not an address to send RTP to (also a ValueError)
    StreamClosed    the stream was closed before
    QueueFull       too much is waiting to be played on one stream
    RoomFull        a room has no place for another call
    RoomClosed      the room was closed before
    TooManyRecordings   one stream is being recorded often enough
    NotRunning      the plane was not started, or was closed, or is gone
    BadLink         what was offered is no plane of this version
    PromptError
        PromptMissing   there is no such prompt
        PromptDamaged   its files are not what was written
"""


class MediaError(Exception):
    """Something about the media of one call, or of all."""


class NoPortLeft(MediaError):
    """No call can be added: all ports are in use, or the system has no socket left."""


class BadRemote(MediaError, ValueError):
    """The peer's address is no unicast address in digits with a port, or of a family that is not served."""


class StreamClosed(MediaError):
    """The stream was closed, by `close()` or with the plane."""


class QueueFull(MediaError):
    """More prompts would wait on one stream than the plane will hold."""


class RoomFull(MediaError):
    """A room has as many members as it can have."""


class RoomClosed(MediaError):
    """The room was closed, by `close()` or with the plane."""


class TooManyRecordings(MediaError):
    """One stream has as many recordings as it can have at once."""


class NotRunning(MediaError):
    """The plane was not started, or was closed, or is gone until there is another."""


class BadLink(MediaError):
    """What was offered as a link to the plane is none, or of another version."""


class PromptError(MediaError):
    """A prompt cannot be had."""


class PromptMissing(PromptError):
    """There is no prompt of this digest in the directory."""


class PromptDamaged(PromptError):
    """The files are there, but are not two files of the same number of frames."""
