"""Whether memory grows. Pure.

Samples of the first third are left out: caches fill up. The rest is halved, and the medians of the halves are
compared, so that a peak says nothing. Growth is noise up to a bound: one per cent of the median, since
allocators keep what they were given and give it back in pieces; or three times the spread of a sample, taken
from the steps between neighbours, of which a steady slope is no part. A leak of 100 bytes in each of
100,000 calls is 10 MB, and stands out.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

FILLS_UP = 1 / 3
_SHARE = 0.01
_SPREADS = 3.0
_OF_MAD = 1.4826
"""Makes a standard deviation of a median absolute deviation."""
_FEWEST = 24

Sample = tuple[float, float]
"""A moment, in seconds, and bytes."""


@dataclass(frozen=True, slots=True)
class Slope:
    """From the first half of what was judged to the second; bytes."""

    first: float
    second: float
    noise: float
    """What the second may be above the first."""
    apart_s: float
    """Between the middles of the halves."""

    @property
    def grows(self) -> bool:
        """Whether it is more than noise."""
        return self.second - self.first > self.noise

    @property
    def an_hour(self) -> float:
        """Bytes an hour."""
        return (self.second - self.first) / self.apart_s * 3600


def slope(samples: Sequence[Sample]) -> Slope | None:
    """Of samples in order; None if there are too few."""
    judged = samples[round(len(samples) * FILLS_UP) :]
    if len(judged) < _FEWEST:
        return None
    middle = len(judged) // 2
    halves = judged[:middle], judged[middle:]
    first, second = (statistics.median(value for _, value in half) for half in halves)
    moments = [statistics.median(at_s for at_s, _ in half) for half in halves]
    noise = max(_SHARE * first, _SPREADS * _spread([value for _, value in judged]))
    return Slope(first, second, noise, moments[1] - moments[0])


def _spread(values: Sequence[float]) -> float:
    """The standard deviation of one value, of steps from one to the next: those have that of two."""
    steps = [after - before for before, after in pairwise(values)]
    usual = statistics.median(steps)
    deviations = [abs(step - usual) for step in steps]
    return float(_OF_MAD * statistics.median(deviations) / 2**0.5)
