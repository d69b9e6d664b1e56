"""From a request to the work of its block: what its parameters mean to the state machine."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from onhook.blocks import BlockRequest, Destination
from onhook.call.work import Work
from onhook.call.works import (
    Gathering,
    Holding,
    Leaving,
    Meeting,
    Monitoring,
    Recording,
    Saying,
    Transferring,
    Unholding,
)

RING_S = 60
"""How long a callee's phone rings where no ring_time was given."""


class Link(Protocol):
    """A recording to be: its name, and the URL under which it will be heard."""

    @property
    def name(self) -> str:
        """Names it to whoever records."""

    @property
    def url(self) -> str:
        """Cannot be guessed."""


@dataclass(frozen=True, slots=True)
class Means:
    """What works need besides the request."""

    new_link: Callable[[], Link]
    beep: bool


def work_of(request: BlockRequest, means: Means) -> Work | None:
    """The work of the request's block; None for one that only says something."""
    make = _WORKS.get(request.block.slug)
    return make(request, means) if make else None


def _dial(request: BlockRequest, means: Means) -> Work:
    return Saying(fields=(("dial_status", "answered"),))


def _gather(request: BlockRequest, means: Means) -> Work:
    return Gathering(
        max_digits=request.whole("max_digits", 0),
        timeout_s=request.whole("timeout", 15),
        attempts=request.whole("attempts", 1),
    )


def _record(request: BlockRequest, means: Means) -> Work:
    link = means.new_link()
    longest_s = request.whole("max_duration", 120)
    return Recording(link.name, link.url, longest_s, beep=means.beep)


def _monitor(request: BlockRequest, means: Means) -> Work:
    link = means.new_link()
    return Monitoring(link.name, link.url, request.monitor_url)


def _hold(request: BlockRequest, means: Means) -> Work:
    return Holding()


def _unhold(request: BlockRequest, means: Means) -> Work:
    return Unholding()


def _transfer(request: BlockRequest, means: Means) -> Work:
    dest = request.options["dest"]
    if isinstance(dest, Destination) and dest.room is not None:
        return Meeting()
    return Transferring(
        ring_s=request.whole("ring_time", RING_S),
        goes_on=request.text("on_failure") == "continue",
    )


def _call(request: BlockRequest, means: Means) -> Work:
    longest_s = request.whole("max_duration", 0) or None
    return Transferring(ring_s=RING_S, field="call_status_dest2", longest_s=longest_s)


def _conference(request: BlockRequest, means: Means) -> Work:
    return Meeting(field="dial_status")


def _voice_hangup(request: BlockRequest, means: Means) -> Work:
    return Leaving()


_WORKS: dict[str, Callable[[BlockRequest, Means], Work]] = {
    "dial": _dial,
    "gather": _gather,
    "record": _record,
    "monitor": _monitor,
    "hold": _hold,
    "unhold": _unhold,
    "transfer": _transfer,
    "voice_call": _call,
    "voice_hangup": _voice_hangup,
    "voice_conference": _conference,
    "conference_call": _conference,
}
