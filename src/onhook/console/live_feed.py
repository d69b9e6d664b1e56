"""Calls as they move, for everybody who looks: nothing is done while nobody does.

Four times a second the records of the calls that go on are compared with what they were; a record that is the
same object says the same. What changed becomes one text for all browsers. Each has a short queue; one that
does not keep up loses it, and gets the whole table anew once it reads again.
"""

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Final, TypeAlias

from onhook.store import CallRecord, StoreError

EVERY_S: Final = 0.25
MOST_ROWS: Final = 1000
"""More are counted, and not shown."""
MOST_VIEWERS: Final = 50
_QUEUED: Final = 8
_ELSEWHERE_TICKS: Final = 8
"""Calls of other workers are asked for every so many times: 2 s."""
_BEAT_S: Final = 15.0
"""A browser hears so often that the connection is there."""

Row: TypeAlias = tuple[str, str, str, str, str, str, str, int, int]
"""Session, direction, from, to, application, state, block, since when it goes on and since when in this block
(ms)."""

Records = Callable[[], Sequence[CallRecord]]


class Viewer:
    """One browser that looks."""

    def __init__(self) -> None:
        self._queue: deque[str] = deque()
        self._stale = True
        self._there = asyncio.Event()
        self._there.set()

    def put(self, text: str) -> None:
        """Something changed."""
        if self._stale:
            return
        if len(self._queue) >= _QUEUED:
            self._queue.clear()
            self._stale = True
        else:
            self._queue.append(text)
        self._there.set()

    def wake(self) -> None:
        """Have it look whether there is still a feed."""
        self._there.set()

    async def next(self, whole: Callable[[], str]) -> str | None:
        """What is to be said next: a change, or everything; None if that is nothing for a while."""
        try:
            async with asyncio.timeout(_BEAT_S):
                await self._there.wait()
        except TimeoutError:
            return None
        if self._stale:
            self._stale = False
            self._queue.clear()
            self._there.clear()
            return whole()
        text = self._queue.popleft() if self._queue else None
        if not self._queue:
            self._there.clear()
        return text


class LiveFeed:
    """The calls of this process, by ``records``; those of others, if there may be any, by ``elsewhere``."""

    def __init__(
        self,
        records: Records,
        elsewhere: Callable[[], Awaitable[Sequence[CallRecord]]] | None,
        names: Callable[[], Awaitable[Mapping[str, str]]],
    ) -> None:
        self._records = records
        self._elsewhere = elsewhere
        self._ask_names = names
        self._names: Mapping[str, str] = {}
        self._renamed = False
        self._others: Sequence[CallRecord] = ()
        self._known: dict[str, tuple[CallRecord, Row]] = {}
        self._total = 0
        self._viewers: set[Viewer] = set()
        self._ticking: asyncio.Task[None] | None = None
        self._whole: str | None = None
        self._over = False

    @property
    def full(self) -> bool:
        """Whether so many look that no more are taken."""
        return len(self._viewers) >= MOST_VIEWERS

    def close(self) -> None:
        """Ends every stream: the process ends, or leaves its calls to another; browsers come again."""
        self._over = True
        for viewer in self._viewers:
            viewer.wake()
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None

    async def rows(self) -> tuple[Sequence[Row], int]:
        """The calls of now, and how many there are."""
        if not self._viewers:
            await self._look_around()
            self._compare()
        return [row for _, row in self._known.values()], self._total

    async def stream(self, may_look: Callable[[], Awaitable[bool]]) -> AsyncGenerator[str, None]:
        """Server-sent events for one browser, for as long as it ``may_look``, which is asked when nothing
        has moved for a while, and every while."""
        with self._watching() as viewer:
            asked_s = time.monotonic()
            yield f"retry: 1000\nevent: now\ndata: {round(time.time() * 1000)}\n\n"
            while not self._over:
                text = await viewer.next(self._everything)
                if time.monotonic() - asked_s > _BEAT_S:
                    asked_s = time.monotonic()
                    if not await may_look():
                        yield "event: over\ndata: \n\n"
                        return
                if text is not None:
                    yield text
                elif not self._over:
                    yield ": still there\n\n"

    @contextmanager
    def _watching(self) -> Iterator[Viewer]:
        viewer = Viewer()
        self._viewers.add(viewer)
        if self._ticking is None and not self._over:
            self._compare()
            self._ticking = asyncio.create_task(self._tick(), name="live_feed")
        try:
            yield viewer
        finally:
            self._viewers.discard(viewer)
            if not self._viewers and self._ticking is not None:
                self._ticking.cancel()
                self._ticking = None
                self._known.clear()
                self._whole = None

    async def _tick(self) -> None:
        ticks = 0
        while True:
            if ticks % _ELSEWHERE_TICKS == 0:
                await self._look_around()
            ticks += 1
            text = self._compare()
            if text is not None:
                for viewer in self._viewers:
                    viewer.put(text)
            await asyncio.sleep(EVERY_S)

    async def _look_around(self) -> None:
        """What the database has to be asked for; if it does not answer, what was known stays."""
        with contextlib.suppress(StoreError):
            if self._elsewhere is not None:
                self._others = await self._elsewhere()
            names = await self._ask_names()
            self._renamed, self._names = self._renamed or names != self._names, names

    def _compare(self) -> str | None:
        """What has changed since the last time, as an event; None if nothing has."""
        mine = self._records()
        self._total = len(mine) + len(self._others)
        before, now = self._known, {}
        changed: list[Row] = []
        for record in islice((*mine, *self._others), MOST_ROWS):
            known = before.get(record.session)
            if known is None or known[0] is not record or self._renamed:
                row = self._row(record, known[1] if known else None)
                if known is None or known[1] != row:
                    changed.append(row)
                known = (record, row)
            now[record.session] = known
        gone = [session for session in before if session not in now]
        self._known, self._renamed = now, False
        if not changed and not gone:
            return None
        self._whole = None
        return _event("change", {"rows": changed, "gone": gone, "total": self._total})

    def _everything(self) -> str:
        if self._whole is None:
            rows = [row for _, row in self._known.values()]
            self._whole = _event("whole", {"rows": rows, "total": self._total})
        return self._whole

    def _row(self, record: CallRecord, before: Row | None) -> Row:
        moved = before is None or before[5:7] != (record.state, record.contact_block)
        return (
            record.session,
            record.direction,
            record.from_number,
            record.dest_number if record.direction == "out" else record.to_number,
            self._names.get(record.app_id, record.app_id),
            record.state,
            record.contact_block,
            record.began_ms,
            record.written_ms if moved or before is None else before[8],
        )


def _event(kind: str, what: Mapping[str, object]) -> str:
    said = json.dumps(what, ensure_ascii=False, separators=(",", ":"))
    return f"event: {kind}\ndata: {said}\n\n"
