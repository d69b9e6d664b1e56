"""The old media plane, where there is one: a reload (`reloading.py`) has set it aside, with its calls."""

import os
from collections.abc import Sequence
from contextlib import suppress

from onhook.processes.membership import END
from onhook.server.supervisor.child import Child
from onhook.server.supervisor.offers import Offers
from onhook.server.supervisor.roles import ASIDE, OLD_PLANE, PLANE

_LINK_DESCRIPTORS = 4
"""Of a plane; its library comes behind them."""


class Aside:
    """`children` are the processes by role, `offers` the links that wait for a switch."""

    def __init__(self, children: dict[str, Child], offers: Offers) -> None:
        self._children = children
        self._offers = offers
        self.there = False
        """Whether there is one, or will be again in a moment."""

    @property
    def planes(self) -> Sequence[str]:
        """The roles of the media planes that a switch has."""
        return [PLANE, OLD_PLANE] if self.there else [PLANE]

    def set_plane(self) -> None:
        """The switch to come has another plane for new calls, and this one for those that it has."""
        plane = self._children.pop(PLANE, None)
        if plane is not None:
            plane.role, self.there = ASIDE, True
            self._children[OLD_PLANE] = plane
            self._offers.rename(PLANE, OLD_PLANE)

    def finish(self, role: str) -> None:
        """The switch needs it no more."""
        if role == OLD_PLANE and self.there:
            self.there = False
            plane = self._children.get(OLD_PLANE)
            if plane is not None:
                plane.signal(END)

    def expects(self, role: str) -> bool:
        """Whether the end of this process is no accident."""
        return role == OLD_PLANE and not self.there

    def link(self, role: str) -> list[int]:
        """What a switch gets of a link that waits for it: with that of a plane its library, by which another
        version speaks with it. Of which version a switch is that was started again nobody knows: what is on
        disk may be newer than what runs, also where nobody reloaded it."""
        descriptors = self._offers.take(role)
        child = self._children.get(role) if role in (PLANE, OLD_PLANE) else None
        library = child.library if child is not None else None
        if library is not None and len(descriptors) == _LINK_DESCRIPTORS:
            # Where there is no descriptor left, a switch of the plane's version does without.
            with suppress(OSError):
                descriptors.append(os.dup(library))
        return descriptors
