"""The works of the two hangups. When they begin and end is the table's affair: they end the call."""

from dataclasses import dataclass
from typing import ClassVar

from onhook.call.work import Work


@dataclass(frozen=True, slots=True)
class HangingUp(Work):
    """Ends the call, after the message if there is one; whoever its notify_url names is told."""


@dataclass(frozen=True, slots=True)
class Leaving(Work):
    """Ends the call of a reference by force; it has no notify_url, so who was to be told of the end is."""

    keeps_contact: ClassVar[bool] = True
