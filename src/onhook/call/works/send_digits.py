"""The work of SendDigits: a message, then keys for the other side."""

from dataclasses import dataclass, field, replace

from onhook.blocks.send_digits import SendDigitsRequest
from onhook.call.effects import Play, SendDigits
from onhook.call.work import Job, Over, Turn, Work
from onhook.call.work_events import Played, WorkEvent


@dataclass(frozen=True, slots=True)
class SendingDigits(Work):
    """Types ``digits`` after the message. What the other side types meanwhile is typed ahead."""

    digits: str = field(repr=False)
    typing: bool = False

    @classmethod
    def of(cls, request: SendDigitsRequest) -> "SendingDigits":
        """What is asked for."""
        return cls(request.digits)

    def begin(self, job: Job, at: float, typed: str) -> Turn:
        """The message, if there is one."""
        if job.speaks:
            return Turn(self, (Play(job.request_id),), left=typed)
        return self._type(job, typed)

    def happen(self, job: Job, event: WorkEvent) -> Turn | None:
        """The message was heard, or the last key was sent."""
        if not isinstance(event, Played):
            return None
        return Turn(self, over=Over()) if self.typing else self._type(job)

    def _type(self, job: Job, typed: str = "") -> Turn:
        send = SendDigits(job.request_id, self.digits)
        return Turn(replace(self, typing=True), (send,), left=typed)
