"""The timers of RFC 3261 17.1.1.1 and what runs them.

Nothing below the endpoint knows a clock of its own: whoever owns a transaction hands in an object with
`call_later`. On the network that is the event loop; in tests it is a clock that only moves when
it is told to.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol


class TimerHandle(Protocol):
    """What `call_later` returns."""

    def cancel(self) -> None:
        """Stop it; harmless when it has run."""


class Clock(Protocol):
    """Runs a function later. An asyncio event loop is one."""

    def time(self) -> float:
        """Seconds that only grow."""

    def call_later(
        self, delay: float, callback: Callable[..., object], /, *args: Any
    ) -> TimerHandle:
        """Run `callback(*args)` after `delay` seconds."""
        ...


@dataclass(frozen=True, slots=True)
class SipTimers:
    """The base values, in seconds (RFC 3261 17.1.1.1, 17.1.2.2); all others follow from them."""

    t1_s: float = 0.5
    """Estimated round trip: the first retransmission waits this long."""
    t2_s: float = 4.0
    """Retransmissions are never further apart than this."""
    t4_s: float = 5.0
    """How long a message can stay in the network."""

    @property
    def give_up_s(self) -> float:
        """64*T1: timers B, F, H, J and L."""
        return 64 * self.t1_s
