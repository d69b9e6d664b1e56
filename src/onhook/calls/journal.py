"""What calls write: in their order, and again until it is on disk.

A disk may be full, or a database away, for a while. Meanwhile calls go on, and end, and what is to be
written of them is kept here: of each call its last state, and everything that its application has to
be told. It is tried again, all calls together, until it is written. Whoever waits for the first try
hears of its failure at once.

::

    write() -> first try ---> on disk -------------------------> on_disk()
                   |                                                ^
                   +--> refused: owed by its call -> again, later --+

Of one call nothing is told to have been written before all that was submitted earlier is: a
notification never leaves before the one before it is on disk. What concerns all calls asks `behind`. Memory
is bounded by the calls that there are: a new one whose first write fails is turned away by its owner
(`forget`).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TypeAlias

import structlog

from onhook.store import Store, Writes

log = structlog.get_logger()

_AGAIN_S = (0.2, 0.5, 1.0, 2.0)
"""Between tries; the last one repeats."""

OnDisk = Callable[[], None]
Tried = Callable[[Exception | None], None]
"""Hears what the first try came to: None, or why it failed."""


@dataclass(slots=True, eq=False)
class _Write:
    number: int
    """They count up in the order in which they were submitted."""
    writes: Writes
    on_disk: OnDisk
    state: str = "trying"
    """``trying``, ``written`` or ``owed``."""
    waiting: tuple[Callable[[], None], ...] = ()
    """Who is called when the try that is under way is over."""


_Lane: TypeAlias = deque[_Write]
"""The writes of one call of which somebody has not heard yet that they are on disk."""


class Journal:
    """Writes the calls of one process. Use it on one event loop."""

    def __init__(self, store: Store, seen: Callable[[Writes], None] | None = None) -> None:
        """``seen`` is shown everything that is to be written; it must be quick."""
        self._store = store
        self._seen = seen
        self._lanes: dict[str, _Lane] = {}
        self._last_number = 0
        self._not_written: dict[int, None] = {}
        """The numbers of what is tried or owed, in their order."""
        self._behind: deque[tuple[int, OnDisk]] = deque()
        """Who waits for everything up to a number."""
        self._timer: asyncio.TimerHandle | None = None
        self._tries = 0
        self._refused = False
        """Whether something may be owed: a try has failed since all was on disk."""
        self._retrying = False
        self._round = 0
        """How many tries of the present round are under way."""
        self._closed = False

    @property
    def owes(self) -> int:
        """How many calls have something that could not be written yet."""
        if not self._refused:
            return 0
        return sum(any(write.state == "owed" for write in lane) for lane in self._lanes.values())

    @property
    def settled(self) -> bool:
        """Whether everything that was submitted is on disk."""
        return not self._not_written

    async def caught_up(self) -> bool:
        """Waits for what is being tried now; whether everything written so far is on disk then."""
        under_way = [
            write for lane in self._lanes.values() for write in lane if write.state == "trying"
        ]
        if under_way:
            await _all_tried(under_way)
        return not self.owes

    def write(
        self,
        session: str,
        writes: Writes,
        *,
        on_disk: OnDisk,
        tried: Tried,
        patient: bool = False,
    ) -> None:
        """Writes something of one call; it holds the call's state in ``writes.calls``.

        ``tried`` hears of the first try. ``on_disk`` is called when it is on disk, by whichever try, and
        everything submitted for the call before is too; of one try it comes before ``tried``. Nobody waits
        for what is ``patient``.
        """
        if self._seen is not None:
            self._seen(writes)
        self._last_number += 1
        write = _Write(self._last_number, writes, on_disk)
        self._not_written[write.number] = None
        lane = self._lanes.get(session)
        if lane is None:
            lane = self._lanes[session] = deque()
        lane.append(write)

        def first(error: Exception | None) -> None:
            try:
                self._tried(session, (write,), error)
            finally:
                tried(error)

        self._store.write(writes, first, patient=patient)

    def together(self) -> AbstractContextManager[None]:
        """What calls write within, in one step of the event loop, is on disk as one, or not at all."""
        return self._store.together()

    def behind(self, on_disk: OnDisk) -> None:
        """Calls ``on_disk`` once all that was submitted until now, of every call, is on disk: at once, where
        nothing is under way, and not as long as any of it is owed. What is submitted later is not waited for.
        """
        if not self._not_written:
            on_disk()
        else:
            self._behind.append((self._last_number, on_disk))

    def forget(self, session: str) -> None:
        """The call is not to be written after all."""
        lane = self._lanes.pop(session, None)
        for write in lane or ():
            self._not_written.pop(write.number, None)
        self._tell_behind()

    def close(self) -> None:
        """Stops trying."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tried(self, session: str, writes: tuple[_Write, ...], error: Exception | None) -> None:
        for write in writes:
            write.state = "written" if error is None else "owed"
            if error is None:
                self._not_written.pop(write.number, None)
            waiting, write.waiting = write.waiting, ()
            for heard in waiting:
                heard()
        lane = self._lanes.get(session)
        if lane is not None and error is not None:
            self._refused = True
            log.error("write_failed", session=session, error=type(error).__name__)
            self._try_later()
        elif lane is not None:
            self._tell(session, lane)
        self._tell_behind()

    def _tell(self, session: str, lane: _Lane) -> None:
        """Tells, in order, of what is on disk; what is behind something owed has to wait."""
        while lane and lane[0].state == "written":
            lane.popleft().on_disk()
        if not lane and self._lanes.get(session) is lane:
            del self._lanes[session]

    def _tell_behind(self) -> None:
        """Tells who waits for nothing any more. Numbers are taken out of the middle, too, so the first that
        is left is the oldest."""
        while self._behind:
            number, on_disk = self._behind[0]
            oldest = next(iter(self._not_written), None)
            if oldest is not None and oldest <= number:
                return
            self._behind.popleft()
            on_disk()

    # Again --------------------------------------------------------------------------------------

    def _try_later(self) -> None:
        if self._closed or self._timer is not None or self._retrying:
            return
        delay_s = _AGAIN_S[min(self._tries, len(_AGAIN_S) - 1)]
        self._tries += 1
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._try_again)

    def _try_again(self) -> None:
        """One further try for every call that owes something; they share a transaction."""
        self._timer = None
        tries = [
            (session, owed)
            for session, lane in self._lanes.items()
            # A try under way holds a later state than what is owed, and must not be written before.
            if not any(write.state == "trying" for write in lane)
            and (owed := tuple(write for write in lane if write.state == "owed"))
        ]
        if tries:
            self._retrying = True
            self._round = len(tries)
            for session, owed in tries:
                self._write_again(session, owed)
        elif self.owes:
            self._try_later()
        else:  # what was refused is not to be written after all
            self._tries, self._refused = 0, False

    def _write_again(self, session: str, owed: tuple[_Write, ...]) -> None:
        last = self._lanes[session][-1].writes
        for write in owed:
            write.state = "trying"

        def again(error: Exception | None) -> None:
            self._tried(session, owed, error)
            self._went_round()

        self._store.write(_together(owed, last), again)

    def _went_round(self) -> None:
        """The last of a round says whether there is to be another."""
        self._round -= 1
        if self._round:
            return
        self._retrying = False
        if self.owes:
            self._try_later()
        else:
            self._tries, self._refused = 0, False
            log.info("writes_caught_up")


async def _all_tried(writes: Sequence[_Write]) -> None:
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    left = len(writes)

    def one() -> None:
        nonlocal left
        left -= 1
        if not left and not done.done():
            done.set_result(None)

    for write in writes:
        write.waiting = (*write.waiting, one)
    await done


def _together(owed: tuple[_Write, ...], last: Writes) -> Writes:
    """Everything owed by a call as one: its last state, and all that there is to tell and to charge.

    A reply to a request is left out: whoever asked was told of the failure.
    """
    parts = [write.writes for write in owed]
    return replace(
        last,
        notifications=tuple(n for part in parts for n in part.notifications),
        debits=tuple(debit for part in parts for debit in part.debits),
        replies=(),
    )
