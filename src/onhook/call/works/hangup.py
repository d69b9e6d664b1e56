"""The work of a hangup that is asked for by the call's reference: who was to be told of the end is told."""

from dataclasses import dataclass
from typing import ClassVar

from onhook.call.work import Work


@dataclass(frozen=True, slots=True)
class Leaving(Work):
    """Ends the call by force; it has no notify_url of its own."""

    keeps_contact: ClassVar[bool] = True
