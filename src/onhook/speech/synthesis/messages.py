"""What the server and the process that speaks say to each other, over one stream socket.

A message is four bytes of length (big endian) and as many bytes. From the server it is JSON: a step of a
text, or the number of one whose steps nobody waits for any more. Back comes a number of four bytes, a byte
that says what it is, and the rest; the number is that of the step, or 0.
"""

import json
import struct
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any, Final, Self

from onhook.speech.voices import Voice

EXPERIMENTAL: Final = "experimental"
"""The argument with which the process has the experimental voices, too."""

MAX_BYTES: Final = 64 * 1024 * 1024
"""Longest message that is taken: over an hour of speech."""

_LENGTH: Final = struct.Struct(">I")
_HEAD: Final = struct.Struct(">IB")

LENGTH_BYTES: Final = _LENGTH.size


@dataclass(frozen=True, slots=True)
class VoiceName:
    """Which voice: the processes have the same ones, but not the same objects."""

    engine: str
    name: str
    language: str
    gender: str

    @classmethod
    def of(cls, voice: Voice) -> Self:
        """The name of `voice`."""
        return cls(voice.engine, voice.name, voice.language, voice.gender.value)


@dataclass(frozen=True, slots=True)
class Step:
    """The next piece of a text is wanted, or all of it. `number` and `utterance` are the server's to choose.

    `forget` are texts of which nothing more is wanted.
    """

    number: int
    utterance: int
    voice: VoiceName
    text: str
    whole: bool
    forget: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Abandon:
    """Nobody waits for the step of a text that is being made."""

    utterance: int


class Kind(IntEnum):
    """What an answer is."""

    READY = 0
    """The process can be asked. It says so once, unasked."""
    ALIVE = 1
    """It is at work: said every second while it is."""
    LOGGED = 2
    """An event for the log, JSON."""
    PIECE = 3
    """A piece, of 16-bit samples at 8,000 Hz in the machine's byte order; there are more."""
    LAST = 4
    """The last piece, or all of it."""
    CANNOT = 5
    """The text cannot be spoken; why, in a sentence for the customer."""
    UNAVAILABLE = 6
    """The machine is at fault; why, in a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back."""

    kind: Kind
    number: int = 0
    content: bytes = b""


def packed(message: Step | Abandon) -> bytes:
    """A message to the process, with its length."""
    content = json.dumps(asdict(message)).encode()
    return _LENGTH.pack(len(content)) + content


def unpacked(content: bytes) -> Step | Abandon:
    """The message whose bytes these are."""
    told: dict[str, Any] = json.loads(content)
    if "number" not in told:
        return Abandon(told["utterance"])
    voice, forget = VoiceName(**told.pop("voice")), tuple(told.pop("forget"))
    return Step(**told, voice=voice, forget=forget)


def packed_answer(answer: Answer) -> bytes:
    """An answer, with its length."""
    head = _HEAD.pack(answer.number, answer.kind)
    return _LENGTH.pack(len(head) + len(answer.content)) + head + answer.content


def unpacked_answer(content: bytes) -> Answer:
    """The answer whose bytes these are. Raises `ValueError` for what is none."""
    if len(content) < _HEAD.size:
        raise ValueError("an answer begins with its number and its kind")
    number, kind = _HEAD.unpack_from(content)
    return Answer(Kind(kind), number, content[_HEAD.size :])


def length(head: bytes) -> int:
    """How many bytes follow `LENGTH_BYTES` bytes. Raises `ValueError` for more than anybody says."""
    (size,) = _LENGTH.unpack(head)
    if size > MAX_BYTES:
        raise ValueError("a message is longer than any")
    return int(size)
