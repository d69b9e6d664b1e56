"""What speech needs of prompts: somewhere to keep them, and what a message comes to."""

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from onhook.speech.narrowband import PcmBuffer


class OpenedPrompt(Protocol):
    """What speech needs to know of an opened prompt; the media plane knows the rest of it."""

    @property
    def duration_ms(self) -> int:
        """How long it plays."""


P = TypeVar("P", bound=OpenedPrompt)
P_co = TypeVar("P_co", bound=OpenedPrompt, covariant=True)


class PromptStore(Protocol[P_co]):
    """Where prompts are kept, by digest. Its methods block and are called from several threads.

    An opened prompt can be played whatever becomes of what is kept.
    """

    def find(self, digest: str) -> P_co | None:
        """The prompt, opened; None if it is not there, or not whole."""

    def save(self, digest: str, pcm: PcmBuffer) -> P_co:
        """Keep 8 kHz audio under `digest`, and open it. Atomic; harmless if it is there already."""

    def piece(self, pcm: PcmBuffer) -> P_co:
        """8 kHz audio as a prompt that is kept nowhere: a part of one that is still being made."""


@dataclass(frozen=True, slots=True)
class RenderedPart(Generic[P]):
    """One prompt: the address of its content, how long it plays, and itself."""

    digest: str
    duration_ms: int
    prompt: P

    @classmethod
    def of(cls, digest: str, prompt: P) -> "RenderedPart[P]":
        """With the duration that the prompt has."""
        return cls(digest, prompt.duration_ms, prompt)


@dataclass(frozen=True, slots=True)
class Rendered(Generic[P]):
    """A message as prompts, in the order in which they are heard."""

    parts: tuple[RenderedPart[P], ...]

    @property
    def prompts(self) -> tuple[P, ...]:
        """The prompts alone, ready to be queued."""
        return tuple(part.prompt for part in self.parts)

    @property
    def duration_ms(self) -> int:
        """How long the whole message plays."""
        return sum(part.duration_ms for part in self.parts)
