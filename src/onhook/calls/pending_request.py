"""A request on its way through a call: from its arrival to the reply."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from onhook.blocks import BlockRequest, Refused
from onhook.call import Job
from onhook.calls.resources import Resources


@dataclass(slots=True, eq=False)
class PendingRequest:
    """What the call keeps of a request until it is answered, and while its block runs.

    ``answer`` is done when the request may be answered with success_ok and ``reply``, and holds the
    :class:`Refused` otherwise. ``resources`` is what its block needs.
    """

    job: Job
    request: BlockRequest
    arrived_s: float
    answer: "asyncio.Future[None]"
    resources: Resources = field(default_factory=Resources)
    reply: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Who fails a request in its preparation raises the same, and nobody awaits the answer.
        self.answer.add_done_callback(_seen)

    def refuse(self, status: str) -> None:
        """Answers with an error, unless it is answered already."""
        if not self.answer.done():
            self.answer.set_exception(Refused(status))

    def accept(self) -> None:
        """Answers with success_ok, unless it is answered already."""
        if not self.answer.done():
            self.answer.set_result(None)

    def fail(self, error: BaseException) -> None:
        """Answers with an internal error: what was to be promised is not on disk."""
        if not self.answer.done():
            self.answer.set_exception(error)


def _seen(answer: "asyncio.Future[None]") -> None:
    """Keeps asyncio from logging an exception that was told elsewhere."""
    if not answer.cancelled():
        answer.exception()
