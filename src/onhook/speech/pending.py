"""One part of one message while it is being made, by whoever asked for it first."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Generic, TypeVar

from onhook.flights import Seat
from onhook.message import Part, Say
from onhook.speech.errors import CannotConvertText, FileNotDownloaded, RenderError
from onhook.speech.prompts import OpenedPrompt, RenderedPart

P = TypeVar("P", bound=OpenedPrompt)


class Progress(Generic[P]):
    """The pieces of a text that is being spoken, for all who play them meanwhile."""

    def __init__(self) -> None:
        self.pieces: list[P] = []
        self._waiting: list[asyncio.Future[None]] = []

    def add(self, piece: P) -> None:
        """One more is ready."""
        self.pieces.append(piece)
        self.wake()

    def wake(self, _: object = None) -> None:
        """Have everybody look who waits for a change."""
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def changed(self) -> None:
        """Wait for the next piece, or for the end."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future


class PendingPart(Generic[P]):
    """What a message waits for: `part`, made or being made. It has to be left."""

    def __init__(
        self,
        part: Part,
        source: RenderedPart[P] | Seat[RenderedPart[P]],
        progress: Progress[P] | None = None,
    ) -> None:
        self.part = part
        self.progress: Progress[P] = progress or Progress()
        self._seat = source if isinstance(source, Seat) else None
        self._found = source if isinstance(source, RenderedPart) else None
        if self._seat is not None:
            self._seat.task.add_done_callback(self.progress.wake)

    @property
    def made(self) -> RenderedPart[P] | None:
        """The whole, if it is ready. Raises what it failed with."""
        if self._seat is not None and self._seat.task.done():
            return self._seat.task.result()
        return self._found

    def check(self) -> None:
        """Raise what it has failed with, if it has."""
        _ = self.made

    async def whole(self, deadline: float) -> RenderedPart[P]:
        """All of it. Raises what it failed with, or that it was not there in time."""
        while (made := self.made) is None:
            await self._changed(deadline)
        return made

    async def begun(self, deadline: float) -> None:
        """Return when a piece of it is there, or all; raises as `whole` does."""
        while not self.progress.pieces and self.made is None:
            await self._changed(deadline)

    async def prompts(self, heard: int, patience_s: float) -> AsyncIterator[Sequence[P]]:
        """What comes after the first `heard` pieces, as soon as it is there.

        Raises what it fails with, after all that there was before that.
        """
        now = asyncio.get_running_loop().time
        while True:
            pieces = tuple(self.progress.pieces[heard:])
            if pieces:
                heard += len(pieces)
                yield pieces
                continue
            made = self.made
            if made is not None:
                if not heard:
                    yield (made.prompt,)
                return
            await self._changed(now() + patience_s)

    def leave(self) -> "asyncio.Task[RenderedPart[P]] | None":
        """Wait no more. Returns the task if nobody else waits for it either, and so it ends."""
        if self._seat is None:
            return None
        self._seat.leave()
        task = self._seat.task
        return task if task.cancelling() else None

    async def _changed(self, deadline: float) -> None:
        try:
            async with asyncio.timeout_at(deadline):
                await self.progress.changed()
        except TimeoutError:
            raise _too_late(self.part) from None


def leave(pending: Iterable[PendingPart[P]]) -> "list[asyncio.Task[RenderedPart[P]]]":
    """Wait for none of them any more. Returns the tasks that end because of it."""
    return [task for one in pending if (task := one.leave()) is not None]


async def left(pending: Iterable[PendingPart[P]]) -> None:
    """As `leave`; returns when nothing goes on that nobody waits for."""
    await asyncio.gather(*leave(pending), return_exceptions=True)


def _too_late(part: Part) -> RenderError:
    if isinstance(part, Say):
        return CannotConvertText("The text of msg was not turned into speech in time: try again.")
    return FileNotDownloaded("The file of a <url> in msg was not there in time.")
