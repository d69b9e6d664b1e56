"""What is told of a call, and who waits for it."""

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from onhook.app.errors import HungUp
from onhook.client.notifications import MonitorNotification, Notification, PlayNotification

log = logging.getLogger("onhook.app")

_TOLD_S: Final = 10.0
"""A call that the API says is over: so long its last notification may be on its way."""

_REMEMBERED: Final = 10_000
"""So many notifications are known again."""

Told = TypeVar("Told", bound=Notification)


@dataclass(slots=True, eq=False)
class Awaited(Generic[Told]):
    """A block that was asked for, and the notification that it ends with."""

    kind: type[Told]
    told: "asyncio.Future[Notification]"


class _NothingElse(PlayNotification):
    """What nothing but the end of the call is taken for."""


class Inbox:
    """The notifications of one call. `at_rest` is set while the function waits for one."""

    def __init__(self, session: str, at_rest: asyncio.Event) -> None:
        self._session = session
        self._at_rest = at_rest
        self._number = 0
        self._awaited: list[Awaited[Any]] = []
        self.first: Notification | None = None
        self.end: Notification | None = None
        """The last one: the call is over."""
        self.recording: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Where all of the call is, if it was monitored."""

    def tell(self, number: int, told: Notification) -> None:
        """One has come, the so manyth of this call; what is behind a later one is dropped."""
        if 0 < number <= self._number:
            return
        self._number = max(number, self._number)
        self.first = self.first or told
        link = told.monitor_url if isinstance(told, MonitorNotification) else None
        if link and not self.recording.done():
            self._at_rest.clear()
            self.recording.set_result(link)
        if told.call_state == "ended":
            self.end = self.end or told
            waiting, self._awaited = self._awaited, []
            for awaited in waiting:
                self._wake(awaited, told)
            return
        for awaited in self._awaited:
            if isinstance(told, awaited.kind):
                self._awaited.remove(awaited)
                self._wake(awaited, told)
                return

    def expects(self, kind: type[Told]) -> Awaited[Told]:
        """Whoever waits for this notification is told of it, or of the end."""
        awaited = Awaited(kind, asyncio.get_running_loop().create_future())
        self._awaited.append(awaited)
        return awaited

    def expects_the_end(self) -> Awaited[Any]:
        """The same of nothing but the end, which may have been told already."""
        awaited = self.expects(_NothingElse)
        if self.end is not None:
            self.forget(awaited)
            self._wake(awaited, self.end)
        return awaited

    def forget(self, awaited: Awaited[Any]) -> None:
        """Nobody waits for it any more."""
        if awaited in self._awaited:
            self._awaited.remove(awaited)

    async def told(self, awaited: Awaited[Any]) -> Notification:
        """Waits for it."""
        await self.rests_until(awaited.told)
        return awaited.told.result()

    async def is_told_over(self) -> None:
        """Waits for the end, which has come, to be told; not for ever."""
        try:
            async with asyncio.timeout(_TOLD_S):
                await self.rests_until(self.expects_the_end().told)
        except TimeoutError:
            log.warning("call %s is over, and nobody has told", self._session)

    async def rests_until(self, told: "asyncio.Future[Any]") -> None:
        """Waits for something that the server tells: it need not wait for the function meanwhile."""
        if not told.done():
            self._at_rest.set()
            try:
                await told
            finally:
                self._at_rest.clear()

    async def rests(self, within_s: float) -> None:
        """Waits until the function waits for the next notification, or is over; so long at the most."""
        try:
            async with asyncio.timeout(within_s):
                await self._at_rest.wait()
        except TimeoutError:
            return

    def raise_if_over(self) -> None:
        """Raises HungUp."""
        if self.end is not None:
            raise HungUp(self.end)

    def _wake(self, awaited: Awaited[Any], told: Notification) -> None:
        """Whoever waits for it; who was given up is not there any more."""
        if not awaited.told.done():
            self._at_rest.clear()
            awaited.told.set_result(told)


class Seen:
    """The ids of the last notifications, to know one that comes again."""

    def __init__(self) -> None:
        self._names: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def add(self, name: str) -> None:
        """Once it has been taken; one that has no id may come again."""
        if name:
            self._names[name] = None
        if len(self._names) > _REMEMBERED:
            self._names.popitem(last=False)
