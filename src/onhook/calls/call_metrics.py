"""What calls report to whoever counts."""

from typing import Protocol


class CallMetrics(Protocol):
    """Counts calls; told on the event loop."""

    def forced_hangup(self, seconds: float) -> None:
        """A forced Hangup's BYE, or rejection, left so long after its request had arrived."""

    def ended(self, ended_by: str, cause: str, direction: str, talked_s: float | None) -> None:
        """A call ended: the values of the notification's ``ended_by`` and ``cause``, its direction (``in`` or
        ``out``), and how long it was answered; None if it was not."""
