"""What an application is told of a call: one value from the call's book to the request that carries it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from onhook.urls import StoredUrl

_HEADER_SAFE = re.compile(r"[!-~]{1,255}")


@dataclass(frozen=True, slots=True)
class Notification:
    """Made with the change of the call that it tells of, written with it, and delivered once that is on disk.

    Raises ValueError for an id that could not stand in a header. Secrets are not part of it: they are
    looked up by ``app_id`` for each attempt.
    """

    notification_id: str
    """Unique for ever: printable ASCII without blanks. The receiver's key against duplicates."""
    session: str
    """Those of one session are delivered in order."""
    app_id: str
    """Whose secrets sign it."""
    sequence: int
    """Number within the session, sent as ``X-Onhook-Event``."""
    url: StoredUrl = field(repr=False)
    """Where it goes. One that was read from the disk may be unusable, and is then given up."""
    fields: Mapping[str, str] = field(repr=False)
    """The notification's parameters, in the order in which they are sent."""
    created_ms: int
    """Unix time."""
    format: str = "form"
    """``form`` or ``json``: how the parameters are written."""

    def __post_init__(self) -> None:
        if not _HEADER_SAFE.fullmatch(self.notification_id):
            raise ValueError("a notification's id is 1 to 255 printable ASCII characters")
