"""What a stream came to at one moment, as little as its quality takes: looked at every few seconds of a call,
so it reads ten counters and not thirty. Pure."""

import struct
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Self

_PACKED: Final = struct.Struct("<10I")
_MOST: Final = 0xFFFF_FFFF
_COUNTS: Final = ("sent_packets", "received_packets", "duplicated", "lost", "reports", "reported_of",
                  "reported_lost")  # fmt: skip


class Measured(NamedTuple):
    """Counters since the stream was opened, and what describes the moment; named as in `StreamStats`."""

    sent_packets: int
    received_packets: int
    duplicated: int
    lost: int
    jitter: int
    reports: int
    reported_of: int
    reported_lost: int
    reported_jitter: int
    round_trip_us: int

    @classmethod
    def read(cls, figures: Any) -> Self:
        """Of a `struct plane_stats`, or of a `StreamStats`."""
        return cls(
            figures.sent_packets,
            figures.received_packets,
            figures.duplicated,
            figures.lost,
            figures.jitter,
            figures.reports,
            figures.reported_of,
            figures.reported_lost,
            figures.reported_jitter,
            figures.round_trip_us,
        )

    def packed(self) -> bytes:
        """40 bytes. What is below zero (a peer counts repeated packets so) is zero."""
        return _PACKED.pack(*[min(max(0, one), _MOST) for one in self])

    @classmethod
    def unpacked(cls, data: bytes) -> Self | None:
        """The reverse; None for anything else."""
        return cls(*_PACKED.unpack(data)) if len(data) == _PACKED.size else None

    def since(self, earlier: "Measured") -> Self:
        """What passed between two moments of one stream."""
        passed = {name: max(0, getattr(self, name) - getattr(earlier, name)) for name in _COUNTS}
        return self._replace(**passed)


def between(several: Sequence[Measured]) -> list[Measured]:
    """Of each moment what passed since the one before; of the first, since the stream was opened."""
    nothing = Measured(*(0,) * len(Measured._fields))
    return [
        later.since(earlier) for earlier, later in zip([nothing, *several], several, strict=False)
    ]
