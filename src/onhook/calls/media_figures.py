"""What the audio of a call was like: the names and texts that its record keeps and its notification tells.
Pure."""

from onhook.call import Fields
from onhook.media.quality import OneWay, Quality, quality_of
from onhook.media.stream import StreamStats

PREFIX = "media_"
"""Before each name, in a notification."""


def figures(stats: StreamStats) -> Fields:
    """The figures of a stream; what is not known is left out."""
    quality = quality_of(stats)
    return (
        *_one_way("received", quality.received),
        ("sent_packets", str(quality.sent_packets)),
        *_told_by_peer(quality),
    )


def told(media: Fields) -> dict[str, str]:
    """The same, as fields of a notification."""
    return {f"{PREFIX}{name}": text for name, text in media}


def _told_by_peer(quality: Quality) -> Fields:
    sent = () if quality.sent is None else _one_way("sent", quality.sent)[1:]
    trip_ms = quality.round_trip_ms
    return (*sent, *(() if trip_ms is None else (("round_trip_ms", f"{trip_ms:.1f}"),)))


def _one_way(name: str, way: OneWay) -> Fields:
    return (
        (f"{name}_packets", str(way.packets)),
        (f"{name}_lost", str(way.lost)),
        (f"{name}_loss", f"{way.loss_percent:.2f}"),
        (f"{name}_jitter_ms", f"{way.jitter_ms:.1f}"),
        (f"{name}_mos", f"{way.mos:.2f}"),
    )
