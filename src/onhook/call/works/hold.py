"""The works of Hold and Unhold: a message or music again and again, and the end of it."""

from dataclasses import dataclass
from typing import ClassVar

from onhook.call.effects import Loop, StopPlaying
from onhook.call.work import Job, Over, Then, Turn, Work


@dataclass(frozen=True, slots=True)
class Holding(Work):
    """Puts the call on hold. It has no notify_url: whoever was told last is told of the end."""

    keeps_contact: ClassVar[bool] = True

    def begin(self, job: Job, at: float, typed: str) -> Turn:
        """What was typed ahead was not meant for what comes after the hold."""
        return Turn(self, (Loop(job.request_id),), over=Over(Then.HOLD))


@dataclass(frozen=True, slots=True)
class Unholding(Work):
    """Takes the call off hold; the application has the word.

    It is never told to come later (reference, section 7): what is not on hold is not, whatever else goes
    on.
    """

    not_ready: ClassVar[str] = "error_session_not_on_hold"
    ends_hold: ClassVar[bool] = True

    def refusal(self, *, held: bool, monitored: bool) -> str:
        """There has to be a hold."""
        return "" if held else "error_session_not_on_hold"

    def begin(self, job: Job, at: float, typed: str) -> Turn:
        """Silence."""
        return Turn(self, (StopPlaying(),), over=Over())
