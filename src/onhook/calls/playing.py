"""What plays in a leg, as its record says it: enough for another process to hear of its end, or begin it
anew."""

from collections.abc import Mapping, Sequence
from enum import Enum
from hashlib import blake2b
from typing import Any, NamedTuple

from onhook.media.play_queue import Playable
from onhook.media.sounds import Sound


class Sort(Enum):
    """What it is."""

    SAY = "say"
    """The message of a request."""
    BEEP = "beep"
    """The tone after it, or instead of it."""
    LOOP = "loop"
    """A message, or music, again and again."""
    RING_BACK = "ring_back"
    """The tone of somebody else's phone."""
    DIGITS = "digits"
    """Keys that are sent."""


class Playing(NamedTuple):
    """Something that plays, and whose ``request`` it is of. ``id`` is what the stream calls the last of it; 0
    where there was nothing to be queued.

    After it comes a beep (``beep``), it is to be repeated (``loops``), or it has a ``rest`` that was not made
    yet.
    """

    sort: Sort
    request: int = 0
    id: int = 0
    beep: bool = False
    rest: bool = False
    loops: bool = False
    parts: tuple[int, ...] = ()
    """How many frames each part of it has, where there are several, of which ``id`` is the last."""
    message: tuple[str, ...] = ()
    """The digests of the prompts that are repeated, or will be, and outlive their request."""

    def done(self, skipped: int, play_id: int, progress: int, over: int = 0) -> int | None:
        """How many frames, or keys, of it were played where a plane has died: it was so far in the message
        ``play_id``, and had played ``over`` to its end before; ``skipped`` of this one were not asked of it.
        None if it was played to its end. Pure."""
        repeats = self.sort in (Sort.LOOP, Sort.RING_BACK)
        if 0 < self.id <= over and not repeats:
            return None
        first = self.id - max(0, len(self.parts) - 1)
        if first <= play_id <= self.id:
            return skipped + sum(self.parts[: play_id - first]) + progress
        return skipped + sum(self.parts[: max(0, over - first + 1)])

    def as_dict(self) -> dict[str, object]:
        """As JSON can hold it."""
        said: dict[str, object] = {"what": self.sort.value, "id": self.id}
        if self.request:
            said["request"] = self.request
        for name in ("beep", "rest", "loops"):
            if getattr(self, name):
                said[name] = True
        if self.parts:
            said["parts"] = self.parts
        if self.message:
            said["message"] = self.message
        return said

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "Playing":
        """The reverse. Raises ValueError, KeyError or TypeError for anything else."""
        return cls(
            Sort(found["what"]),
            int(found.get("request", 0)),
            int(found["id"]),
            beep=bool(found.get("beep", False)),
            rest=bool(found.get("rest", False)),
            loops=bool(found.get("loops", False)),
            parts=tuple(int(each) for each in found.get("parts", ())),
            message=tuple(str(each) for each in found.get("message", ())),
        )


def digests_of(prompts: Sequence[Playable]) -> tuple[str, ...]:
    """By which another process finds these prompts; empty if one of them is kept nowhere."""
    digests = tuple(str(getattr(prompt, "digest", "")) for prompt in prompts)
    return digests if all(digests) else ()


def tag_of(name: str) -> int:
    """What the media plane knows a recording by."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big") or 1


def tag_of_sound(playing: Playing, prompts: Sequence[Playable]) -> int:
    """What the media plane knows something by that is said or repeated: of the same sound it is the same. 0
    where nobody could tell."""
    digests = digests_of(prompts)
    if not digests and not all(isinstance(prompt, Sound) for prompt in prompts):
        return 0
    return _tag(playing.sort, str(playing.loops), *digests)


def tag_of_digits(digits: str) -> int:
    """The same of keys that are sent."""
    return _tag(Sort.DIGITS, digits)


def _tag(sort: Sort, *what: str) -> int:
    text = " ".join((sort.value, *what))
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), "big") or 1
