"""A network between the test phone and the server that loses and delays what passes, as it is told to."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Network:
    """What becomes of a phone's RTP and RTCP. It follows the number of a packet and nothing else, so that
    the figures of a call are known beforehand.

    loses_sent: of the phone's packets of sound each that has a number divisible by this is lost, the first
        being 1; 0 for none.
    loses_received: likewise of those that are on their way to it.
    delay_s: how long everything takes, each way.
    jitter_s: what is added to the phone's packets of sound in turn, each between 0 and 20 ms, so that they
        stay in order.
    reports_every_s: how often the phone sends RTCP; 0 for never.
    """

    loses_sent: int = 0
    loses_received: int = 0
    delay_s: float = 0.0
    jitter_s: Sequence[float] = (0.0,)
    reports_every_s: float = 0.5

    def loses(self, number: int, every: int) -> bool:
        """Whether a packet is lost, of which one in so many is."""
        return every > 0 and number % every == 0

    def sent_after_s(self, number: int) -> float:
        """How long a packet of sound takes to the server."""
        return self.delay_s + self.jitter_s[number % len(self.jitter_s)]
