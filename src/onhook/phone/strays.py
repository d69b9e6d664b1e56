"""Answers to INVITEs of ours that are not known any more."""

import contextlib
from collections.abc import Callable, Mapping
from typing import Protocol

from onhook.phone.message import Response


class Acknowledging(Protocol):
    """The call that may be meant."""

    def acknowledge_again(self, response: Response) -> None:
        """Send the ACK of a 2xx, if it is from the phone of this call."""


def strays(calls: Mapping[tuple[str, str], Acknowledging]) -> Callable[[Response], None]:
    """Takes a 2xx that belongs to no transaction; one that belongs to no call either is dropped. `calls` are
    known by Call-ID and our tag."""

    def take(response: Response) -> None:
        with contextlib.suppress(ValueError):
            call = calls.get((response.first("call-id"), response.from_tag))
            if call is not None:
                call.acknowledge_again(response)

    return take
