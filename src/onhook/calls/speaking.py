"""A message on its way to a caller: its beginning at once, what follows as soon as it is ready."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from onhook.media.edges import without_clicks
from onhook.media.errors import StreamClosed
from onhook.media.play_queue import OnPlayed, OnStopped, Playable
from onhook.message import Message
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
    source: Message = ()
    """What it was made of; empty where that is not known any more."""

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
        *,
        done: int = 0,
        tag: int = 0,
    ) -> int:
        """Queues prompts behind what plays, without ``done`` frames; returns what the stream calls them, in
        which the tag stands."""

    def stop(self) -> None:
        """Cuts off what plays or waits."""


def _nobody(*_: object) -> None:
    """Is told of a message that is over."""


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
        on_queued: Callable[[], None] = lambda: None,
        *,
        done: int = 0,
        tag: int = 0,
    ) -> None:
        """``on_queued`` hears that more was queued after its creation, or that nothing more will be. Of its
        first prompts ``done`` frames were heard before; the stream is to call them by this ``tag``."""
        self._stream = stream
        self._message = message
        self._on_played = on_played
        self._on_failed = on_failed
        self.said: list[Playable] = []
        """All that was played, or is queued: what it takes to say it again."""
        self.parts: list[int] = []
        """How many frames each part has that was queued."""
        self.last_id = 0
        """What the stream calls the last that was queued."""
        self._on_queued = on_queued
        self._queued = 0
        self._sent_s = 0.0
        self._complete = message.rest is None
        self._error: Exception | None = None
        self._over = False
        begins = without_clicks(message.first, more=message.rest is not None)
        self._play(message.first, begins, done, tag)
        self._following = asyncio.create_task(self._follow(message.rest)) if message.rest else None

    @property
    def complete(self) -> bool:
        """Whether all of it is queued."""
        return self._complete and self._error is None

    def stop(self) -> None:
        """Cuts the message off. Raises :class:`StreamClosed`, as the stream does."""
        self.forget()
        self._stream.stop()

    def forget(self) -> None:
        """Nothing more of it is played or told; what is queued is left to the stream."""
        self._over = True
        self._release()
        if self._following is not None:
            self._following.cancel()
            self._following = None  # how it ends refers to this message
        self._message.close()

    def _play(
        self,
        prompts: Sequence[Playable],
        as_heard: Sequence[Playable],
        done: int = 0,
        tag: int = 0,
    ) -> None:
        self.last_id = self._stream.play(as_heard, self._heard, self.forget, done=done, tag=tag)
        self._queued += 1
        self.said += prompts
        self.parts.append(sum(prompt.frame_count for prompt in prompts))

    async def _follow(self, rest: Rest) -> None:
        try:
            async for prompts in rest:
                self._play(prompts, prompts)
                self._on_queued()
        except StreamClosed:
            self.forget()
        except MessageError as error:
            log.warning("message_incomplete", status=error.status, detail=error.detail)
            self._error = error.with_traceback(None)
        except Exception as error:  # the root of a task: logged, and the call ends
            log.exception("message_broken")
            self._error = error.with_traceback(None)
        self._complete = True
        self._on_queued()
        self._settle()

    def _heard(self, sent_s: float) -> None:
        self._queued -= 1
        self._sent_s = sent_s
        self._settle()

    def _settle(self) -> None:
        if self._over or self._queued or not self._complete:
            return
        self._over = True
        on_played, on_failed = self._on_played, self._on_failed
        self._release()
        if self._error is None:
            on_played(self._sent_s)
        else:
            on_failed(self._error)

    def _release(self) -> None:
        """Whoever was to be told knows it, too, and is let go of."""
        self._on_played, self._on_failed, self._on_queued = _nobody, _nobody, _nobody
