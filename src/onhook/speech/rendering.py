"""A message that can be played while its end is still being made."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

P = TypeVar("P")


class FollowingPrompts(Generic[P]):
    """The prompts that follow, in order, each as soon as it is ready; raises `MessageError`.

    They are made whether or not they are asked for. `close` gives up what nobody else waits for;
    it is for whoever does not come to the end, and harmless for others.
    """

    def __init__(self, prompts: AsyncIterator[Sequence[P]], leave: Callable[[], object]) -> None:
        self._prompts = prompts
        self._leave = leave
        self.over = False
        """Whether nothing follows that anybody wants."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Sequence[P]:
        try:
            return await anext(self._prompts)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop waiting; what is being made for others too goes on."""
        self.over = True
        self._leave()


@dataclass(frozen=True, slots=True)
class Rendering(Generic[P]):
    """A message of which the beginning can be played."""

    first: Sequence[P]
    """What is ready; at least one prompt, unless the message is empty."""

    rest: FollowingPrompts[P] | None
    """What comes after it; None when all is ready."""
