"""A call as a test has it: what is expected to be heard, and what is done."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Final, NoReturn

from onhook.simulator.backend import Backend, Leg
from onhook.simulator.deliveries import Told
from onhook.simulator.heard import Kind
from onhook.simulator.line import Line, State
from onhook.simulator.speech import spoken_s

WITHIN_S: Final = 60.0
"""Seconds of the time that calls have."""
_KEY_S: Final = 0.16


class Expected:
    """What one phone in a call is expected to hear, and what is known of the call.

    What does not happen raises AssertionError with the story so far. ``within_s`` is always of the time that
    calls have: in the simulator it takes none.
    """

    def __init__(self, backend: Backend, leg: Leg) -> None:
        self._backend = backend
        self._leg = leg

    @property
    def _line(self) -> Line:
        return self._leg.line

    # What is expected -------------------------------------------------------------------------------

    def hears(self, text: str, within_s: float = WITHIN_S) -> None:
        """These words are heard, to the end of the text that they stand in, behind what was heard before; or
        the recording of this URL, or what somebody else on the line says. Capitals and blanks do not count.
        """
        __tracebackhide__ = True
        heard = self._line.transcript
        self._waits(lambda: heard.has(text), within_s)
        if not self._backend.run(lambda: heard.take(text)):
            self._fails(f'did not hear "{text}"', within_s)

    def begins_to_hear(self, text: str, within_s: float = WITHIN_S) -> None:
        """The same, as soon as that text begins: what is pressed next interrupts it."""
        __tracebackhide__ = True
        heard = self._line.transcript
        self._waits(lambda: heard.begins(text), within_s)
        if not heard.begins(text):
            self._fails(f'did not begin to hear "{text}"', within_s)

    def hears_keys(self, keys: str, within_s: float = WITHIN_S) -> None:
        """These keys are sent to it."""
        __tracebackhide__ = True
        if not self._backend.wait(lambda: keys in self._keys(), within_s):
            self._fails(f"did not hear the keys {keys}", within_s)

    def rings(self, within_s: float = WITHIN_S) -> None:
        """It rings at the other end, or is answered already."""
        __tracebackhide__ = True
        self._backend.wait(lambda: self._line.state is not State.CALLING, within_s)
        if self._line.state not in (State.RINGING, State.ANSWERED):
            self._fails("did not ring", within_s)

    def is_answered(self, within_s: float = WITHIN_S) -> None:
        """Somebody answers."""
        __tracebackhide__ = True
        self._backend.wait(lambda: self._line.answered_s is not None or self.is_over, within_s)
        if self._line.answered_s is None:
            self._fails("was not answered", within_s)

    def is_rejected(self, code: int | None = None, within_s: float = WITHIN_S) -> None:
        """The call is refused, with this SIP status."""
        __tracebackhide__ = True
        self._backend.wait(lambda: self.is_over, within_s)
        if self._line.ended_by != "refused" or code not in (None, self._line.code):
            self._fails(f"was not rejected{'' if code is None else f' with {code}'}", within_s)

    def is_hung_up(self, within_s: float = WITHIN_S) -> None:
        """The other side hangs up."""
        __tracebackhide__ = True
        self._backend.wait(lambda: self.is_over, within_s)
        if self._line.ended_by not in ("onhook", "withdrawn"):
            self._fails("was not hung up", within_s)

    def is_hung_up_after(self, text: str, within_s: float = WITHIN_S) -> None:
        """The other side hangs up, and these were the last words, heard to their end."""
        __tracebackhide__ = True
        self.is_hung_up(within_s)
        heard = self._line.transcript
        self._waits(lambda: heard.ends_with(text), 0.0)
        if not heard.ends_with(text):
            self._fails(f'was hung up, but not after "{text}"', within_s)

    # What is known ----------------------------------------------------------------------------------

    @property
    def heard(self) -> Sequence[str]:
        """What was heard so far, a text each: words, URLs, tones, keys."""
        return self._backend.run(lambda: [str(one) for one in self._line.transcript.sounds])

    @property
    def session(self) -> str:
        """The session of the call; it is not there for somebody who was joined to it."""
        if self._backend.late_s:
            self._backend.wait(lambda: bool(self._line.session), self._backend.late_s)
        if not self._line.session:
            self._fails("has no session of its own: it belongs to the call that it was joined to")
        return self._line.session

    @property
    def notifications(self) -> Sequence[Told]:
        """What the application was told of the call, in that order; each is waited for until it was sent at
        least once. One that was tried again stands there again."""
        session = self.session
        if self._backend.late_s:
            self._backend.passes(self._backend.late_s)
        self._backend.wait(lambda: self._backend.all_told(session), WITHIN_S)
        return self._backend.run(lambda: list(self._backend.notifications(session)))

    @property
    def cost(self) -> Decimal:
        """What the call came to; its end is waited for."""
        return self._bill()[0]

    @property
    def currency(self) -> str:
        """In which currency that is."""
        return self._bill()[1]

    @property
    def duration_s(self) -> float:
        """From its answer until its end, or until now, in the time that calls have."""
        line = self._line
        if line.answered_s is None:
            return 0.0
        return (line.now() if line.ended_s is None else line.ended_s) - line.answered_s

    @property
    def story(self) -> str:
        """What has happened, in all calls of the test."""
        return self._backend.story

    def _waits(self, is_so: Callable[[], bool], within_s: float) -> None:
        """Until it is so, or cannot become so any more."""
        self._backend.wait(lambda: is_so() or self.is_over, within_s)
        if self._backend.late_s:
            self._backend.wait(is_so, self._backend.late_s)

    def _bill(self) -> tuple[Decimal, str]:
        session = self.session
        self._backend.wait(lambda: self._backend.cost(session) is not None, WITHIN_S)
        found = self._backend.cost(session)
        if found is None:
            self._fails("is not over, so nobody knows what it cost")
        return found

    def _keys(self) -> str:
        sounds = self._line.transcript.sounds
        return "".join(one.words for one in sounds if one.kind is Kind.KEYS)

    @property
    def is_over(self) -> bool:
        """Whether it is over, whoever hung up."""
        return self._line.state is State.OVER

    def _fails(self, why: str, within_s: float | None = None) -> NoReturn:
        __tracebackhide__ = True
        limit = "" if within_s is None or self.is_over else f" within {within_s:g} s"
        over = ": the call is over" if self.is_over and within_s is not None else ""
        raise AssertionError(f"{self._line.name} {why}{limit}{over}.\n{self._backend.story}")


class Call(Expected):
    """One phone in a call: what it is to hear, and what it does."""

    def press(self, keys: str) -> None:
        """Presses keys, one after another, from this moment on; a call that rings is waited for."""
        __tracebackhide__ = True
        self.is_answered()
        for key in keys:
            self._backend.run(partial(self._leg.press, key))
            self._backend.passes(_KEY_S)

    def says(self, text: str, seconds: float | None = None) -> None:
        """Says something: it is recorded, and whoever it is joined to hears it. It takes as long as the words
        do, or so many seconds."""
        __tracebackhide__ = True
        self.is_answered()
        length_s = spoken_s(text) if seconds is None else seconds
        self._backend.run(lambda: self._leg.say(text, length_s))
        self._backend.passes(length_s)

    def hang_up(self) -> None:
        """Hangs up, or gives up while it rings."""
        self._backend.run(self._leg.hang_up)

    def answer(self) -> "Call":
        """Takes a call that rings here."""
        self._backend.run(self._leg.answer)
        return self

    def reject(self, code: int = 486) -> None:
        """Does not take it: 486 is busy, 603 declines, 480 is not there."""
        self._backend.run(lambda: self._leg.refuse(code))

    def waits(self, seconds: float) -> None:
        """Lets time pass."""
        self._backend.passes(seconds)
