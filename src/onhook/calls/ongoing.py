"""A call that goes on, as those see it who tell it what happened."""

from collections.abc import Callable
from typing import Protocol

from onhook.call import Call, Event
from onhook.store import CallRecord


class OngoingCall(Protocol):
    """What a call's listeners and requests need of it (live_call.LiveCall)."""

    now: Call
    """The call at this moment."""

    @property
    def record(self) -> CallRecord:
        """Its record at this moment."""

    def feed(self, event: Event) -> None:
        """Something happened: the effects of it are performed before this returns."""

    def guarded(self, work: Callable[[], None]) -> None:
        """Does what the state machine takes for done. If it cannot be, the call ends."""

    def dialog_changed(self) -> None:
        """What it takes to end the call at its phones is another now; it is written with what is next."""

    def save_dialog(self, then: Callable[[], None] | None = None) -> None:
        """The same, and it is written at once; ``then`` is called when it is on disk."""

    def note_audio(self, then: Callable[[], None] | None = None) -> None:
        """Something else plays or is recorded than before, or a leg has something else to keep; it is written
        soon, and ``then`` is called when it is on disk."""
