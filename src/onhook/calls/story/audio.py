"""What the audio of each leg of a call was like while it went on, as its trace has it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from onhook.calls.leg_trace import FIRST
from onhook.media.measured import Measured, between
from onhook.media.quality import Quality, quality_of
from onhook.store.traces import Entry


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some seconds of a leg."""

    at_us: int
    """Its end, in microseconds since the epoch."""
    leg: str
    """``phone``, or ``other``: whom the call is transferred to."""
    quality: Quality
    """Packets and losses are of these seconds; jitter and round trip are of their end."""


def audio_of(entries: Sequence[Entry]) -> list[Stretch]:
    """All that there is, in order."""
    legs: dict[str, list[tuple[int, Measured]]] = {}
    for entry in entries:
        figures = Measured.unpacked(entry.said) if entry.kind == "media" else None
        if figures is not None:
            legs.setdefault(entry.whom, []).append((entry.at_us, figures))
    found = [
        Stretch(at_us, "phone" if leg == FIRST else leg, quality_of(passed))
        for leg, looks in legs.items()
        for (at_us, _), passed in zip(looks, between([one for _, one in looks]), strict=True)
    ]
    return sorted(found, key=lambda one: one.at_us)


def as_fields(one: Stretch) -> dict[str, object]:
    """For other programs; what is not known is None."""
    came, went = one.quality.received, one.quality.sent
    return {
        "at_us": one.at_us,
        "leg": one.leg,
        "received_packets": came.packets,
        "received_lost": came.lost,
        "received_jitter_ms": came.jitter_ms,
        "received_mos": came.mos,
        "sent_packets": one.quality.sent_packets,
        "sent_lost": went.lost if went is not None else None,
        "sent_jitter_ms": went.jitter_ms if went is not None else None,
        "sent_mos": went.mos if went is not None else None,
        "round_trip_ms": one.quality.round_trip_ms,
    }
