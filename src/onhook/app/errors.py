"""What can become of a call, as errors beside those of its requests (onhook.client.errors).

OnhookError
  HungUp               the call is over: `end` is what was told of it
  NotAnswered          a call of ours that nobody took: `outcome`, and `end`
"""

from typing import Literal, TypeAlias

from onhook.client.errors import OnhookError
from onhook.client.notifications import DialNotification, Notification

Outcome: TypeAlias = Literal["answered", "unanswered", "failed", "busy"]
"""What became of an attempt to call somebody."""


class HungUp(OnhookError):
    """The call is over. A function that does not catch it ends, which is what most of them should do."""

    def __init__(self, end: Notification | None) -> None:
        super().__init__("the call is over" if end is None else f"the {end.ended_by} hung up")
        self.end = end
        """Its last notification: who ended it, and the bill. None where nobody told in time."""


class NotAnswered(OnhookError):
    """Nobody took a call of ours."""

    def __init__(self, end: DialNotification) -> None:
        super().__init__(f"{end.dest}: {end.dial_status}")
        self.outcome: Outcome = end.dial_status
        self.end = end
        """Its only notification."""
