"""A real SIP phone in a call, as a test has it."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from onhook.simulator.heard import Kind
from onhook.simulator.line import Line
from onhook.simulator.played import Played
from onhook.testing.call_leg import CallLeg
from onhook.testing.call_log import How
from onhook.testing.incoming_call import IncomingPhoneCall
from onhook.testing.tones import find_tone, tone

_FOR_EVER_S: Final = 1e6
_TONE_MS: Final = 300
_LOWEST_HZ: Final = 1300.0
_STEP_HZ: Final = 150.0
_TONES: Final = 12
_AGAIN: Final = 60
"""Packets that are listened to once more with those behind them: more than a tone has, of any length."""
_ENDS: Final = {
    How.BYE_RECEIVED: "onhook",
    How.CANCEL_RECEIVED: "withdrawn",
    How.REJECTED: "refused",
    How.REJECTION_SENT: "refused",
    How.TIMED_OUT: "refused",
}


class Tones:
    """Which tone stands for which words."""

    def __init__(self) -> None:
        self._of: dict[str, float] = {}

    def of(self, text: str) -> float:
        """Its frequency; that of other words is another one, as long as there are some left."""
        return self._of.setdefault(text, _LOWEST_HZ + len(self._of) % _TONES * _STEP_HZ)


@dataclass(slots=True, eq=False)
class RealLeg:
    """A real phone in a call (backend.Leg). ``does`` has something done in the background."""

    line: Line
    call: CallLeg
    does: Callable[[Coroutine[Any, Any, object]], None]
    tones: Tones
    said: list[str] = field(default_factory=list)
    """What it has said."""
    played: Played = field(init=False)
    """What the server has played to it."""
    found: set[tuple[int, str]] = field(default_factory=set)
    """What it has heard others say, by their lines."""
    listened: int = 0
    """To so many packets."""

    def __post_init__(self) -> None:
        """Its end is waited for from now on."""
        self.played = Played(self.line)
        self.does(self._ended())

    def press(self, key: str) -> None:
        """As a telephone-event."""
        self.line.told(self.line, f"presses {key}")
        self.does(self.call.send_digits(key))

    def say(self, text: str, length_s: float) -> None:
        """The tone that stands for this."""
        self.line.told(self.line, f'says "{text}"')
        self.said.append(text)
        self.does(self.call.say(tone(self.tones.of(text), length_s * 1000)))

    def hang_up(self) -> None:
        """BYE or CANCEL."""
        self.does(self.call.leave())

    def answer(self) -> None:
        """200."""
        if isinstance(self.call, IncomingPhoneCall):
            self.does(self.call.answer())

    def refuse(self, code: int) -> None:
        """A final response."""
        if isinstance(self.call, IncomingPhoneCall):
            self.call.reject(code)

    def look(self) -> None:
        """How far it is now."""
        seen = {event.name for event in self.call.events}
        if "ringing" in seen:
            self.line.rings()
        if "answered" in seen and self.line.answered_s is None:
            self.line.answers()

    def listen(self, others: "Sequence[RealLeg]") -> None:
        """What others have said that is heard by now, in what came since it was asked last: all of a call
        again and again would keep every phone from speaking meanwhile."""
        wanted = [(one, text) for one in others if one is not self for text in one.said]
        left = [(one, text) for one, text in wanted if (one.line.number, text) not in self.found]
        packets, listened = self.call.recording.packets, self.listened
        self.listened = len(packets)
        if not left or self.listened == listened:
            return
        pcm = self.call.recording.since(packets[max(0, listened - _AGAIN)].at_s).pcm()
        for one, text in left:
            if find_tone(pcm, self.tones.of(text), min_ms=_TONE_MS):
                self.found.add((one.line.number, text))
                self.line.heard(self.line.hears(Kind.VOICE, text, 0.0), cut=False)

    async def _ended(self) -> None:
        ended = await self.call.ended(_FOR_EVER_S)
        self.look()
        self.line.is_over(_ENDS.get(ended.how, "us"), ended.code)
