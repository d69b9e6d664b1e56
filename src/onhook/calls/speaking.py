"""A message on its way to a caller: its beginning at once, what follows as soon as it is ready."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from onhook.media.edges import without_clicks
from onhook.media.errors import StreamClosed
from onhook.media.play_queue import OnPlayed, OnStopped, Playable
from onhook.speech.errors import MessageError

log = structlog.get_logger()


class Rest(Protocol):
    """The prompts that follow, in order, each as soon as it is ready (speech.rendering.FollowingPrompts)."""

    def __aiter__(self) -> AsyncIterator[Sequence[Playable]]:
        """Raises what a prompt fails with."""

    def close(self) -> None:
        """Gives up what is not ready yet."""


@dataclass(frozen=True, slots=True)
class PreparedMessage:
    """A message that can begin to play."""

    first: Sequence[Playable]
    """What is ready; empty if there is nothing to say."""

    rest: Rest | None = None
    """What comes after it; None when all is ready."""

    def close(self) -> None:
        """It will not be played."""
        if self.rest is not None:
            self.rest.close()


NOTHING: Final = PreparedMessage(())


class Stream(Protocol):
    """What is needed of a call's media (media.stream.Stream)."""

    def play(
        self,
        prompts: Sequence[Playable],
        on_played: OnPlayed,
        on_stopped: OnStopped | None = None,
    ) -> None:
        """Queues prompts behind what plays."""

    def stop(self) -> None:
        """Cuts off what plays or waits."""


class Speaking:
    """One message that is being played; it begins with its creation, which raises as ``play`` does.

    Exactly one of the two is called in the end, never by the creation itself: ``on_played`` when the
    last frame of all has left, with when that was; ``on_failed`` when a later part of the message
    could not be made, once all that was ready before it has been heard. Neither after ``stop()``, or
    when the stream is stopped or closed by others.
    """

    def __init__(
        self,
        stream: Stream,
        message: PreparedMessage,
        on_played: OnPlayed,
        on_failed: Callable[[Exception], None],
    ) -> None:
        self._stream = stream
        self._message = message
        self._on_played = on_played
        self._on_failed = on_failed
        self.said: list[Playable] = []
        """All that was played, or is queued: what it takes to say it again."""
        self._queued = 0
        self._sent_s = 0.0
        self._complete = message.rest is None
        self._error: Exception | None = None
        self._over = False
        self._play(without_clicks(message.first, more=message.rest is not None))
        self._following = asyncio.create_task(self._follow(message.rest)) if message.rest else None

    def stop(self) -> None:
        """Cuts the message off. Raises :class:`StreamClosed`, as the stream does."""
        self.forget()
        self._stream.stop()

    def forget(self) -> None:
        """Nothing more of it is played or told; what is queued is left to the stream."""
        self._over = True
        if self._following is not None:
            self._following.cancel()
        self._message.close()

    def _play(self, prompts: Sequence[Playable]) -> None:
        self._stream.play(prompts, self._heard, self.forget)
        self._queued += 1
        self.said += prompts

    async def _follow(self, rest: Rest) -> None:
        try:
            async for prompts in rest:
                self._play(prompts)
        except StreamClosed:
            self.forget()
        except MessageError as error:
            log.warning("message_incomplete", status=error.status, detail=error.detail)
            self._error = error
        except Exception as error:  # the root of a task: logged, and the call ends
            log.exception("message_broken")
            self._error = error
        self._complete = True
        self._settle()

    def _heard(self, sent_s: float) -> None:
        self._queued -= 1
        self._sent_s = sent_s
        self._settle()

    def _settle(self) -> None:
        if self._over or self._queued or not self._complete:
            return
        self._over = True
        if self._error is None:
            self._on_played(self._sent_s)
        else:
            self._on_failed(self._error)
