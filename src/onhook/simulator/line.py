"""One end of a call: what its phone is like, what it has heard, and how it ended."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from onhook.simulator.heard import Kind, Sound, Transcript


class State(Enum):
    """How far a phone is."""

    CALLING = "calling"
    """Nothing was heard yet of the call that it makes."""
    RINGING = "ringing"
    ANSWERED = "answered"
    OVER = "over"


class Voice(Protocol):
    """What a line speaks through."""

    def press(self, key: str) -> None:
        """A key goes down."""

    def say(self, text: str, length_s: float) -> None:
        """Whoever it is joined to hears this."""


@dataclass(slots=True, eq=False)
class Line:
    """One end of a call. All of it belongs to the simulator's event loop."""

    number: int
    """By which the media of its leg find it."""
    name: str
    """Who it is: a number in E.164."""
    now: Callable[[], float]
    """Seconds of the time that calls have."""
    told: Callable[["Line", str], None]
    """Hears what happens, for the story."""
    state: State = State.CALLING
    session: str = ""
    """Of the call that it is the first leg of; empty as long as that is not known."""
    transcript: Transcript = field(init=False)
    stream: Voice | None = None
    answered_s: float | None = None
    ended_s: float | None = None
    ended_by: str = ""
    """Who ended it: ``us`` is this phone, ``onhook`` the server; ``refused`` and ``withdrawn`` are calls that
    were not answered."""
    code: int | None = None
    """The SIP status with which the call was refused."""

    def __post_init__(self) -> None:
        """It has heard nothing yet."""
        self.transcript = Transcript(self.now)

    def hears(self, kind: Kind, text: str, length_s: float) -> Sound:
        """Something begins."""
        sound = Sound(kind, text, self.now(), length_s)
        self.transcript.sounds.append(sound)
        return sound

    def heard(self, sound: Sound, *, cut: bool) -> None:
        """It is over. What loops is told of once."""
        sound.ended_s, sound.cut = self.now(), cut
        before = self.transcript.sounds[-2:-1]
        if not before or before[0].text != sound.text or sound.kind is not Kind.TONE:
            self.told(self, f"hears {sound}")

    def rings(self) -> None:
        """It rings, or hears it ring."""
        if self.state is State.CALLING:
            self.state = State.RINGING
            self.told(self, "rings")

    def answers(self) -> None:
        """The call is answered."""
        self.state, self.answered_s = State.ANSWERED, self.now()
        self.told(self, "is answered")

    def is_over(self, ended_by: str, code: int | None = None) -> None:
        """The call is over. Nothing the second time."""
        if self.state is State.OVER:
            return
        self.state, self.ended_s, self.ended_by, self.code = State.OVER, self.now(), ended_by, code
        said = {
            "us": "hangs up",
            "onhook": "is hung up",
            "refused": f"is refused with {code}",
            "withdrawn": "stops ringing",
        }
        self.told(self, said[ended_by])
