"""The media planes of a switch: the one that all new calls have, and sometimes an old one beside it.

After a reload onto a version that talks to planes in another way, the calls that there are keep their plane
to their end. The switch talks to that one by the library that comes with its link (`onhook.media.dialect`);
each call has one of the two, with all that is joined to it.
"""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Final

import structlog

from onhook.media.errors import BadLink
from onhook.media.link import PlaneLink
from onhook.media.plane import MediaPlane
from onhook.media.remains import Remains
from onhook.server.socket_keeping import hold
from onhook.server.start_error import StartError
from onhook.server.supervised import Supervised
from onhook.server.supervisor.roles import OLD_PLANE, PLANE

if TYPE_CHECKING:
    from onhook.listeners import ListenAddress
    from onhook.server.settings import Settings

log = structlog.get_logger()

_PLANE_S: Final = 30.0
_LOOK_S: Final = 0.25


class Planes:
    """Those of one switch, from `open` on. Each that dies is followed by another in its place, and `lost`
    hears where none is."""

    def __init__(
        self, settings: "Settings", supervised: Supervised, lost: Callable[[], None]
    ) -> None:
        low, high = settings.rtp_ports
        self._supervised = supervised
        self._lost = lost
        hosts = [each.host for each in settings.sip]
        ports, silence_s = range(low, high + 1), settings.silence_s
        self.new = MediaPlane(host=hosts, ports=ports, rtp_timeout_s=silence_s)
        """Of new calls, and mostly of all."""
        self.old: MediaPlane | None = None
        """Of calls of before."""
        if OLD_PLANE in supervised.member.planes:
            self.old = MediaPlane(host=hosts, ports=ports, rtp_timeout_s=silence_s, beside=self.new)
        try:
            self.new.reserve().release()
        except OSError as error:
            self.new.close()
            raise StartError(
                f"Audio cannot be heard at {_hosts(settings.sip)}, the address of --sip, on the "
                f"ports of --rtp-ports ({low}-{high}): {error.strerror}."
            ) from error

    @property
    def all(self) -> Sequence[MediaPlane]:
        """The old one first."""
        return (self.new,) if self.old is None else (self.old, self.new)

    def others(self, plane: MediaPlane, remains: Mapping[int, Remains]) -> Mapping[int, Remains]:
        """What the last planes have left, for one that takes calls over; but for the old one, which has its
        own."""
        old = self.old.last_pid if self.old is not None and plane is not self.old else 0
        return {pid: each for pid, each in remains.items() if pid != old}

    async def open(self, stack: AsyncExitStack, ends: Callable[[], bool]) -> None:
        """Their processes have links for us. `ends` says, when the stack is left, whether that is the end of
        the calls, too; where this process fails, the next one has them. Raises StartError."""
        stack.callback(self._leave, ends)
        try:
            await self._open(self.new, PLANE)
        except (TimeoutError, OSError, BadLink) as error:
            raise StartError(
                f"The process of the media plane cannot be used: {error!r}."
            ) from error
        if self.old is None:
            return
        try:
            await self._open(self.old, OLD_PLANE)
        except (TimeoutError, OSError, BadLink) as error:
            # Its calls are opened anew in the other one, once it is gone.
            log.error("old_media_plane_unusable", reason=str(error))
            self._finish()

    async def _open(self, plane: MediaPlane, role: str) -> None:
        loop = asyncio.get_running_loop()
        first: asyncio.Future[PlaneLink] = loop.create_future()

        def take(descriptors: list[int]) -> None:
            link = PlaneLink.of(descriptors)
            if not first.done():
                first.set_result(link)
            else:
                _attach(plane, link)

        self._supervised.on_link(role, take)
        async with asyncio.timeout(_PLANE_S):
            link = await first
            if plane is self.new:  # of both: they have the same
                hold(plane, self._supervised)
            plane.start(loop, link, on_lost=self._lost)

    def _leave(self, ends: Callable[[], bool]) -> None:
        for role in (PLANE, OLD_PLANE):  # what they offer now is for the next one
            self._supervised.on_link(role, _decline)
        for plane in self.all:
            if ends():
                plane.close()
            else:
                plane.detach()

    async def end_old(self, goes_on: Callable[[], bool]) -> None:
        """Has the old one end, when no call `goes_on` that has it, and nothing is left in it."""
        while self.old is not None and (goes_on() or not self.old.idle):  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)
        if self.old is not None:
            log.info("old_media_plane_ends", pid=self.old.last_pid)
            self._finish()

    def _finish(self) -> None:
        if self.old is not None:
            self._supervised.on_link(OLD_PLANE, _decline)
            self.old.detach()
            self.old = None
            with suppress(OSError):  # the supervisor has ended
                self._supervised.member.finished(OLD_PLANE)

    def figures(self) -> dict[str, float]:
        """What an operator wants to see of them: trouble shows in the last six. Nothing, while there is
        none."""
        healths = [plane.health() for plane in self.all if plane.running]
        if not healths:
            return {}
        return {
            "streams": sum(each.calls for each in healths),
            "ports_used": self.new.ports_used,
            "ports": self.new.capacity,
            "skipped_rounds": sum(each.skipped_rounds for each in healths),
            "late_max_seconds": max(each.late_max_s for each in healths),
            "commands_refused": sum(each.refused for each in healths),
            "srtp_unauthentic_packets": sum(each.unauthentic for each in healths),
            "srtp_replayed_packets": sum(each.replayed for each in healths),
            "commands_waiting": sum(each.waiting for each in healths),
        }


def _attach(plane: MediaPlane, link: PlaneLink) -> None:
    """A plane that is none is let be: there is no audio until there is another."""
    try:
        plane.attach(link)
        if plane.tells:  # else calls are being taken over, and what is left of it may be wanted
            plane.let_go_of_rest()  # where it has calls, it was not it that was lost
            plane.resume()
    except (OSError, BadLink) as error:
        log.error("media_plane_unusable", reason=str(error))
    else:
        log.info("media_plane_back", pid=plane.pid)


def _decline(ends: Sequence[int]) -> None:
    """A link of which nobody here makes use."""
    for end in ends:
        os.close(end)


def _hosts(listeners: "Sequence[ListenAddress]") -> str:
    return " and ".join(dict.fromkeys(each.host for each in listeners))
