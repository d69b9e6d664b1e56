"""A plane, as the library that speaks with it calls it: our own, or that of another version (`dialect.py`).

plane = attached(link)
plane(lib.plane_about, out)          # any function of ours that begins with a `plane *`, and the rest of it
"""

import errno
import os
from typing import Any

from onhook.media._plane import ffi, lib
from onhook.media.dialect import Dialect
from onhook.media.errors import BadLink
from onhook.media.link import PlaneLink


class PlaneHandle:
    """One plane, to be called with a function of ours and its arguments behind the plane."""

    __slots__ = ("_dialect", "_plane")

    def __init__(self, plane: Any, dialect: Dialect | None = None) -> None:
        """`plane` is a `plane *`; without a dialect one of our own library."""
        self._plane = plane
        self._dialect = dialect

    def __call__(self, command: Any, *arguments: Any) -> Any:
        """What the function returns."""
        if self._dialect is not None:
            command = self._dialect.of(command)
        return command(self._plane, *arguments)


def attached(link: PlaneLink) -> PlaneHandle:
    """Another process's plane, of this version or of one whose library comes with its link. The link is used
    up, or closed. Raises `BadLink` and `OSError`."""
    how = ffi.new("struct plane_link *", (link.memory, link.commands, link.events, link.control))
    out, dialect = ffi.new("plane **"), None
    try:
        result = lib.plane_attach(out, how)
        if result == -errno.EPROTO and link.library >= 0:
            dialect = Dialect.of_library(link.library)
            result = dialect.of(lib.plane_attach)(out, how)
        if result == -errno.EPROTO:
            raise BadLink("what was offered is no media plane of this version")
        if result < 0:
            raise OSError(-result, os.strerror(-result))
    except BaseException:
        link.close()
        raise
    link.attached()
    return PlaneHandle(out[0], dialect)
