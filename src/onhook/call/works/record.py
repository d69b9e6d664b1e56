"""The work of Record: a message, a beep, then what is said until ``#`` or the time is over."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from onhook.blocks.record import RecordRequest
from onhook.call.effects import Play, StartRecording, StopPlaying, StopRecording
from onhook.call.ending import Fields
from onhook.call.work import Job, Over, Turn, Work
from onhook.call.work_events import Digit, Due, Played, WorkEvent

END = "#"


class Link(Protocol):
    """A recording to be: its name, and the URL under which it will be heard."""

    @property
    def name(self) -> str:
        """Names it to whoever records."""

    @property
    def url(self) -> str:
        """Cannot be guessed."""


@dataclass(frozen=True, slots=True)
class RecordingSettings:
    """How recordings are made here: where each will be found, and whether a beep goes before it."""

    new_link: Callable[[], Link]
    beep: bool


@dataclass(frozen=True, slots=True)
class Recording(Work):
    """Records under ``name`` for ``max_duration_s`` at the most; ``url`` is where it will be heard.

    ``#`` during the message skips the rest of it. Other keys are part of what is recorded; none of
    them is kept for a later Gather.
    """

    name: str
    url: str
    max_duration_s: float
    beep: bool
    due_at: float | None = None

    @classmethod
    def of(cls, request: RecordRequest, settings: RecordingSettings) -> "Recording":
        """What is asked for, under a new link."""
        link = settings.new_link()
        return cls(link.name, link.url, request.max_duration, settings.beep)

    @property
    def records(self) -> str:
        """What is said behind the message and the beep."""
        return self.name

    def records_at_once(self, job: Job) -> bool:
        """Where neither is heard, the caller may speak as soon as there is an answer."""
        return not (job.speaks or self.beep)

    @property
    def recording(self) -> bool:
        """Whether it has begun to record."""
        return self.due_at is not None

    def begin(self, job: Job, at: float, typed: str) -> Turn:
        """The message and the beep, if there are any; the recording begins behind them by itself."""
        if self.records_at_once(job):
            return self._start(at)
        return Turn(self, (Play(job.request_id, beep=self.beep, recording=self.name),))

    def happen(self, job: Job, event: WorkEvent) -> Turn | None:
        """The message is over, the caller is through, or the time is over."""
        match event:
            case Played(at) if not self.recording:
                return self._start(at)
            case Digit(at, digit) if not self.recording:
                if digit != END:
                    return Turn(self)
                start = self._start(at)
                return replace(start, effects=(*start.effects, StopPlaying()))
            case Digit(_, digit) if digit == END:
                return self._stop()
            case Due(at) if self.due_at is not None and at >= self.due_at:
                return self._stop()
            case Digit():
                return Turn(self, due_at=self.due_at)
        return None

    def parting(self) -> Fields:
        """The link, once there is something to be heard."""
        return (("record_url", self.url),) if self.recording else ()

    def _start(self, at: float) -> Turn:
        work = replace(self, due_at=at + self.max_duration_s)
        return Turn(work, (StartRecording(self.name),), due_at=work.due_at)

    def _stop(self) -> Turn:
        return Turn(self, (StopRecording(self.name),), over=Over(fields=self.parting()))
