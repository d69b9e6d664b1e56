"""Which servers were not there a while ago (RFC 3263 4.3). Bounded; no clock of its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from onhook.phone.addresses import Address, TcpAddress, transport_of

REST_S = 30.0
LONGEST_REST_S = 300.0
"""A server that is still not there when it was asked again rests for twice as long, up to this."""
MAX_RESTING = 256


@dataclass(frozen=True, slots=True)
class _Rest:
    until_s: float
    length_s: float


class Resting:
    """Servers that are tried last for a while. `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._rests: dict[tuple[str, str, int], _Rest] = {}

    def failed(self, address: Address, retry_after_s: float | None = None) -> None:
        """It was not there, or said 503, and perhaps for how long (RFC 3261 21.5.4)."""
        key = _key(address)
        before = self._rests.pop(key, None)
        now_s = self._clock()
        if before is None:
            length_s = REST_S
        elif before.until_s > now_s:  # calls that were on their way say the same
            length_s = before.length_s
        else:
            length_s = min(2 * before.length_s, LONGEST_REST_S)
        length_s = max(length_s, min(retry_after_s or 0.0, LONGEST_REST_S))
        self._rests[key] = _Rest(now_s + length_s, length_s)
        while len(self._rests) > MAX_RESTING:
            del self._rests[next(iter(self._rests))]

    def answered(self, address: Address) -> None:
        """It is there."""
        self._rests.pop(_key(address), None)

    def rests(self, address: Address) -> bool:
        """Whether another server is to be tried first."""
        rest = self._rests.get(_key(address))
        return rest is not None and rest.until_s > self._clock()

    def last(self, addresses: Sequence[Address]) -> tuple[Address, ...]:
        """The addresses in their order, but those that rest behind the others."""
        return tuple(sorted(addresses, key=self.rests))


def _key(address: Address) -> tuple[str, str, int]:
    transport = transport_of(address) if isinstance(address, TcpAddress) else "UDP"
    return transport, address[0], address[1]
