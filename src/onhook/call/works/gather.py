"""The work of Gather: a message, then digits.

``#`` ends it and is no digit of the result. A digit during the message stops it. Whoever typed ahead, in
an earlier block, does not hear the message either. The timeout begins when the message is over; what
was typed when it ends is the result, and without any the message is repeated, ``attempts`` times in all.
"""

from dataclasses import dataclass, replace

from onhook.blocks.gather import GatherRequest
from onhook.call.effects import Effect, Play, StopPlaying
from onhook.call.ending import Fields
from onhook.call.work import Job, Over, Turn, Work
from onhook.call.work_events import Digit, Due, Played, WorkEvent

END = "#"


@dataclass(frozen=True, slots=True)
class Gathering(Work):
    """Collects up to ``max_digits`` (0: as many as come), ``timeout_s`` after each message."""

    max_digits: int
    timeout_s: float
    attempts: int
    digits: str = ""
    prompting: bool = False
    due_at: float | None = None

    @classmethod
    def of(cls, request: GatherRequest) -> "Gathering":
        """What is asked for."""
        return cls(request.max_digits, request.timeout, request.attempts)

    def begin(self, job: Job, at: float, typed: str) -> Turn:
        """Takes what was typed ahead, else asks."""
        if not typed:
            return self._ask(job, at)
        return self._listening(at)._take(typed)

    def happen(self, job: Job, event: WorkEvent) -> Turn | None:
        """A digit, the end of the message, or the end of the time."""
        match event:
            case Digit(at, digit):
                stop = (StopPlaying(),) if self.prompting else ()
                work = self._listening(at) if self.prompting else self
                return work._take(digit, stop)
            case Played(at) if self.prompting:
                return self._listening(at)._turn()
            case Due(at) if self.due_at is not None and at >= self.due_at:
                return self._time_is_over(job, at)
        return None

    def parting(self) -> Fields:
        """What was typed so far."""
        return (("digits", self.digits),)

    def known(self) -> Fields:
        """Not each digit."""
        return (("digits", ""),)

    def _ask(self, job: Job, at: float) -> Turn:
        if not job.speaks:
            return self._listening(at)._turn()
        work = replace(self, prompting=True, due_at=None)
        return Turn(work, (Play(job.request_id),))

    def _listening(self, at: float) -> "Gathering":
        return replace(self, prompting=False, due_at=at + self.timeout_s)

    def _take(self, typed: str, effects: tuple[Effect, ...] = ()) -> Turn:
        """Digits of which those beyond the end are left to the next Gather."""
        work = self
        for place, digit in enumerate(typed, 1):
            if digit != END:
                work = replace(work, digits=work.digits + digit)
            if digit == END or len(work.digits) == work.max_digits:
                return Turn(work, effects, over=Over(fields=work.parting()), left=typed[place:])
        return work._turn(effects)

    def _time_is_over(self, job: Job, at: float) -> Turn:
        if self.digits or self.attempts <= 1:
            return Turn(self, over=Over(fields=self.parting()))
        return replace(self, attempts=self.attempts - 1)._ask(job, at)

    def _turn(self, effects: tuple[Effect, ...] = ()) -> Turn:
        return Turn(self, effects, due_at=self.due_at)
