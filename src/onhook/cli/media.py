"""What the audio of a call was like, for people and for other programs."""

from collections.abc import Sequence

from onhook.call import Fields
from onhook.store.records import NotificationContext

_LEGS = (("media", "phone"), ("peer_media", "peer"))


def media_lines(facts: NotificationContext) -> Sequence[tuple[str, object]]:
    """A line for each direction of each leg."""
    lines: list[tuple[str, object]] = []
    for name, whose in _LEGS:
        known = dict(getattr(facts, name))
        if known:
            lines += [
                (f"from the {whose}", _direction(known, "received")),
                (f"to the {whose}", _direction(known, "sent")),
                ("round trip", _with(known.get("round_trip_ms"), " ms")),
            ]
    return lines


def media_values(facts: NotificationContext) -> dict[str, object]:
    """`media`, and `peer_media` of a call that was joined to another, with `received`, `sent` and
    `round_trip_ms`. What is not known is null; nothing of a call without audio."""
    return {name: _values(getattr(facts, name)) for name, _ in _LEGS if getattr(facts, name)}


def _direction(known: dict[str, str], way: str) -> str:
    packets = f"{known[f'{way}_packets']} packets"
    lost = known.get(f"{way}_lost")
    if lost is None:
        return f"{packets}; the phone does not tell what arrived"
    loss, jitter, mos = (known[f"{way}_{name}"] for name in ("loss", "jitter_ms", "mos"))
    return f"{packets}, {lost} lost ({loss} %), jitter {jitter} ms, MOS {mos}"


def _with(text: str | None, unit: str) -> str:
    return f"{text}{unit}" if text else ""


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
