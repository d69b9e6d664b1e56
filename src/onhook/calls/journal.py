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
notification never leaves before the one before it is on disk. Memory is bounded by the calls that there
are: a new one whose first write fails is turned away by its owner (`forget`).
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import structlog

from onhook.store import Store, Writes

log = structlog.get_logger()

_AGAIN_S = (0.2, 0.5, 1.0, 2.0)
"""Between tries; the last one repeats."""

OnDisk = Callable[[], None]


@dataclass(slots=True, eq=False)
class _Write:
    writes: Writes
    on_disk: OnDisk
    under_way: "asyncio.Future[None]"
    state: str = "trying"
    """``trying``, ``written`` or ``owed``."""


@dataclass(slots=True, eq=False)
class _Lane:
    """The writes of one call of which somebody has not heard yet that they are on disk."""

    waiting: deque[_Write] = field(default_factory=deque)


class Journal:
    """Writes the calls of one process. Use it on one event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lanes: dict[str, _Lane] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._tries = 0
        self._retrying = False
        self._closed = False

    @property
    def owes(self) -> int:
        """How many calls have something that could not be written yet."""
        return sum(
            any(write.state == "owed" for write in lane.waiting) for lane in self._lanes.values()
        )

    async def caught_up(self) -> bool:
        """Waits for what is being tried now; whether everything written so far is on disk then."""
        under_way = {
            write.under_way
            for lane in self._lanes.values()
            for write in lane.waiting
            if write.state == "trying"
        }
        if under_way:
            await asyncio.wait(under_way)
        return not self.owes

    def write(self, session: str, writes: Writes, on_disk: OnDisk) -> "asyncio.Future[None]":
        """Writes something of one call; it holds the call's state in ``writes.calls``.

        The future is that of the first try. ``on_disk`` is called when it is on disk, by whichever
        try, and everything submitted for the call before is too.
        """
        first = self._store.submit(writes)
        write = _Write(writes, on_disk, first)
        self._lanes.setdefault(session, _Lane()).waiting.append(write)
        first.add_done_callback(lambda future: self._tried(session, (write,), future))
        return first

    def forget(self, session: str) -> None:
        """The call is not to be written after all."""
        self._lanes.pop(session, None)

    def close(self) -> None:
        """Stops trying."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tried(
        self, session: str, writes: tuple[_Write, ...], future: "asyncio.Future[None]"
    ) -> None:
        error = None if future.cancelled() else future.exception()
        failed = future.cancelled() or error is not None
        for write in writes:
            write.state = "owed" if failed else "written"
        lane = self._lanes.get(session)
        if lane is None:
            return
        if failed:
            log.error("write_failed", session=session, error=type(error).__name__)
            self._try_later()
        else:
            self._tell(session, lane)

    def _tell(self, session: str, lane: _Lane) -> None:
        """Tells, in order, of what is on disk; what is behind something owed has to wait."""
        while lane.waiting and lane.waiting[0].state == "written":
            lane.waiting.popleft().on_disk()
        if not lane.waiting and self._lanes.get(session) is lane:
            del self._lanes[session]

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
            if not any(write.state == "trying" for write in lane.waiting)
            and (owed := tuple(write for write in lane.waiting if write.state == "owed"))
        ]
        futures = [self._submit_again(session, owed) for session, owed in tries]
        if futures:
            self._retrying = True
            asyncio.gather(*futures, return_exceptions=True).add_done_callback(self._went_round)
        elif self._lanes:
            self._try_later()

    def _submit_again(self, session: str, owed: tuple[_Write, ...]) -> "asyncio.Future[None]":
        last = self._lanes[session].waiting[-1].writes
        future = self._store.submit(_together(owed, last))
        for write in owed:
            write.state, write.under_way = "trying", future
        future.add_done_callback(lambda done: self._tried(session, owed, done))
        return future

    def _went_round(self, _: object) -> None:
        self._retrying = False
        if self.owes:
            self._try_later()
        else:
            self._tries = 0
            log.info("writes_caught_up")


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
