"""What slow voices make beside the calls: another one speaks in their place, and they the next time.

Belongs to one event loop. One text at a time is made, in a thread of its own: who speaks to a caller never
waits for it.
"""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import structlog

from onhook.flights import Flights
from onhook.speech.errors import CannotConvertText
from onhook.speech.threads import Checkpoint, ThreadPool
from onhook.speech.voices import Voice, character_s

log = structlog.get_logger()

MOST: Final = 64
"""Texts that are being made, or wait for it; what comes beyond that is made when it is asked for again."""

IMPOSSIBLE_S: Final = 300.0
"""So long a text is not tried again that could not be spoken. It may have been what the engine was going
through, such as its end, or a machine with too much to do: nobody can tell that from the text's own fault."""

_REMEMBERED: Final = 1024
_NEWER: Final = 0.5  # how much the last text counts in the guess for the next one

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wanted(Generic[T]):
    """A text that a slow voice has to say: where it is kept, and what makes it. `make` blocks."""

    key: Hashable
    voice: Voice
    text: str
    make: Callable[[Checkpoint], T]


class Beside(Generic[T]):
    """Makes what is wanted, one after another; `close` it. What was made is given to `made`.

    `process` says which process speaks: the first text of each waits for a model, too.
    """

    def __init__(
        self, flights: Flights[T], made: Callable[[T], T], process: Callable[[], Hashable]
    ) -> None:
        self._flights = flights
        self._made = made
        self._process = process
        self._thread = ThreadPool(1, "speech-beside")
        self._tasks: dict[Hashable, tuple[asyncio.Task[bool], int]] = {}
        self._impossible: OrderedDict[Hashable, float] = OrderedDict()  # and since when
        self._pace: dict[tuple[str, str], float] = {}
        self._spoke_last: dict[str, Hashable] = {}  # by engine: the process, which has its model

    def __len__(self) -> int:
        return len(self._tasks)

    def expected_s(self, wanted: Sequence[Wanted[T]]) -> float:
        """When all of them will be there, and what is before them, as far as can be told."""
        ahead = sum(
            characters
            for key, (_, characters) in self._tasks.items()
            if key not in {one.key for one in wanted}
        )
        new = sum(len(one.text) for one in wanted)
        slowest = max((self._character_s(one.voice) for one in wanted), default=0.0)
        return (ahead + new) * slowest

    async def ready(self, wanted: Sequence[Wanted[T]], patience_s: float) -> bool:
        """Have them made; whether all are there, for which this waits if it may be worth it."""
        tasks = [task for one in wanted if (task := self._task(one)) is not None]
        if len(tasks) < len(wanted) or self.expected_s(wanted) > patience_s:
            return False
        ended, late = await asyncio.wait(tasks, timeout=patience_s)
        return not late and all(not task.cancelled() and task.result() for task in ended)

    async def close(self) -> None:
        """Give up what is being made."""
        tasks = [task for task, _ in self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._thread.close()

    def _task(self, wanted: Wanted[T]) -> "asyncio.Task[bool] | None":
        """Who makes it, and says whether it was made; None if it cannot be made, or not now."""
        now = asyncio.get_running_loop().time()
        if now < self._impossible.get(wanted.key, -math.inf) + IMPOSSIBLE_S:
            return None
        found = self._tasks.get(wanted.key)
        if found is None:
            if len(self._tasks) >= MOST:
                return None
            task = asyncio.create_task(self._make(wanted))
            found = self._tasks[wanted.key] = (task, len(wanted.text))
            task.add_done_callback(lambda _: self._tasks.pop(wanted.key, None))
        return found[0]

    async def _make(self, wanted: Wanted[T]) -> bool:
        def begin() -> Coroutine[Any, Any, T]:
            return self._spoken(wanted)

        try:
            await self._flights.join(wanted.key, begin)
        except CannotConvertText:
            self._impossible[wanted.key] = asyncio.get_running_loop().time()
            self._impossible.move_to_end(wanted.key)
            if len(self._impossible) > _REMEMBERED:
                self._impossible.popitem(last=False)
            return False
        except Exception as error:  # noqa: BLE001  the root of a task: the message is spoken without it
            log.warning("speech_beside_failed", reason=type(error).__name__)
            return False
        return True

    async def _spoken(self, wanted: Wanted[T]) -> T:
        now = asyncio.get_running_loop().time
        began: list[float] = []

        def work(checkpoint: Checkpoint) -> T:
            began.append(now())
            return wanted.make(checkpoint)

        had_model = self._spoke_last.pop(wanted.voice.engine, None)
        made = await self._thread.run(work)
        took_s, process = now() - began[0], self._process()
        if had_model == process:
            self._learn(wanted, took_s)
        self._spoke_last[wanted.voice.engine] = process
        return self._made(made)

    def _character_s(self, voice: Voice) -> float:
        return self._pace.get((voice.engine, voice.language), character_s(voice))

    def _learn(self, wanted: Wanted[T], took_s: float) -> None:
        found = took_s / max(1, len(wanted.text))
        before = self._character_s(wanted.voice)
        pace = before + _NEWER * (found - before)
        self._pace[wanted.voice.engine, wanted.voice.language] = pace
