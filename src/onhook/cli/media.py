"""What the audio of a call was like, for people and for other programs."""

from collections.abc import Sequence

from onhook.call import Fields
from onhook.calls.media_words import in_words
from onhook.store.records import NotificationContext

_LEGS = (("media", "phone"), ("peer_media", "peer"))


def media_lines(facts: NotificationContext) -> Sequence[tuple[str, object]]:
    """A line for each direction of each leg."""
    return [line for name, whose in _LEGS for line in in_words(getattr(facts, name), whose)]


def media_values(facts: NotificationContext) -> dict[str, object]:
    """`media`, and `peer_media` of a call that was joined to another, with `received`, `sent` and
    `round_trip_ms`. What is not known is null; nothing of a call without audio."""
    return {name: _values(getattr(facts, name)) for name, _ in _LEGS if getattr(facts, name)}


def _values(media: Fields) -> dict[str, object]:
    known = dict(media)
    return {
        "received": _one_way(known, "received"),
        "sent": _one_way(known, "sent"),
        "round_trip_ms": _number(known.get("round_trip_ms")),
    }


def _one_way(known: dict[str, str], way: str) -> dict[str, object]:
    return {
        "packets": _whole(known.get(f"{way}_packets")),
        "lost": _whole(known.get(f"{way}_lost")),
        "loss_percent": _number(known.get(f"{way}_loss")),
        "jitter_ms": _number(known.get(f"{way}_jitter_ms")),
        "mos": _number(known.get(f"{way}_mos")),
    }


def _whole(text: str | None) -> int | None:
    return None if text is None else int(text)


def _number(text: str | None) -> float | None:
    return None if text is None else float(text)
