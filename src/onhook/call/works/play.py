"""The work of Play, and of whatever else only says something: the message, to its last sample."""

from dataclasses import dataclass

from onhook.call.effects import Play
from onhook.call.ending import Fields
from onhook.call.work import Job, Over, Turn, Work
from onhook.call.work_events import Played, WorkEvent


@dataclass(frozen=True, slots=True)
class Saying(Work):
    """Plays the message, if there is one; then the application has the word.

    ``fields`` are what the notification carries, then and whenever the call ends.
    """

    fields: Fields = ()

    def begin(self, job: Job, at: float, typed: str) -> Turn:
        """Says it, or is through at once."""
        if job.speaks:
            return Turn(self, (Play(job.request_id),), left=typed)
        return Turn(self, over=Over(fields=self.fields), left=typed)

    def happen(self, job: Job, event: WorkEvent) -> Turn | None:
        """It was heard."""
        return Turn(self, over=Over(fields=self.fields)) if isinstance(event, Played) else None

    def parting(self) -> Fields:
        """What is known all along."""
        return self.fields
