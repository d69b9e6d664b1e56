"""What ``msg`` says, once it was read: the parts of a message in the order in which they are heard."""

import enum
from dataclasses import dataclass, field
from typing import TypeAlias


class Gender(enum.StrEnum):
    """The genders that the API knows (source: "Languages and Gender" of its msg parameter)."""

    FEMALE = "female"
    MALE = "male"


@dataclass(frozen=True, slots=True)
class Say:
    """Text to be spoken by the voice of `language` and `gender`, which is installed."""

    text: str = field(repr=False)
    language: str
    gender: Gender


@dataclass(frozen=True, slots=True)
class Fetch:
    """A recording to be downloaded and played."""

    url: str = field(repr=False)


Part: TypeAlias = Say | Fetch
Message: TypeAlias = tuple[Part, ...]
"""What is heard, in its order; never empty when it comes from `msg`."""
