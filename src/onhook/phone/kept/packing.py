"""What a leg keeps, in less: parts whose values have names that never change are written as rows. Pure.

A leg is written with each change of its call, and half of what it says would be names. A part with other
names than these stays as it is, so that nothing is lost by a name that was added and forgotten here.
"""

from collections.abc import Mapping
from typing import Any, Final

from onhook.phone.kept.reading import Kept

_MEDIA: Final = [
    "ip",
    "port",
    "codecs",
    "dtmf",
    "dtmf_from_peer",
    "ptime_ms",
    "maxptime_ms",
    "packet_ms",
    "direction",
    "types",
    "rtcp",
    "rtcp_mux",
    "comfort_noise",
    "said_ipv6",
]
NAMES: Final[Mapping[str, list[str]]] = {
    "dialog": [
        "call_id",
        "local",
        "remote",
        "remote_tag",
        "target",
        "routes",
        "source",
        "origin",
        "remote_cseq",
        "next_cseq",
    ],
    "session": [
        "id",
        "codecs",
        "ptime_ms",
        "srtp",
        "early",
        "ip",
        "at",
        "media",
        "streams",
        "taken",
        "dtmf",
        "said",
    ],
    "timer": [
        "state",
        "interval_s",
        "refusals",
        "min_s",
        "ask_at",
        "expire_at",
        "wanted_s",
        "first_min_s",
        "by_update",
    ],
    "media": _MEDIA,
    "offer": _MEDIA,
    "ringing": ["rseq", "confirmed", "describes", "text"],
}
"""By part, in the order of its row."""
_IN_ORDER: Final = {name: tuple(names) for name, names in NAMES.items()}
_WITHIN: Final = {"session": ("media",), "in": ("offer", "ringing")}
"""Parts of parts."""
_PARTS: Final = ("dialog", "session", "timer", "in")


def packed(kept: Kept) -> Kept:
    """What is to be written of a leg; `kept` stays as it is."""
    made = dict(kept)
    for name in _PARTS:
        if name in kept:
            made[name] = _row(name, kept[name])
    return made


def unpacked(written: Kept) -> Kept:
    """The reverse; also of what was not packed. What is no row of its part is left to whoever reads it."""
    return {**written, **{name: _part(name, written[name]) for name in _PARTS if name in written}}


def _row(name: str, part: Any) -> Any:
    if not isinstance(part, dict):
        return part
    made = part
    for one in _WITHIN.get(name, ()):
        if one in part:
            if made is part:
                made = dict(part)
            made[one] = _row(one, part[one])
    return list(made.values()) if tuple(made) == _IN_ORDER.get(name) else made


def _part(name: str, row: Any) -> Any:
    names = NAMES.get(name, ())
    made = dict(zip(names, row, strict=True)) if _is_row(row, names) else row
    if not isinstance(made, dict):
        return made
    return {**made, **{one: _part(one, made[one]) for one in _WITHIN.get(name, ()) if one in made}}


def _is_row(row: Any, names: object) -> bool:
    return isinstance(row, list) and isinstance(names, list) and len(row) == len(names)
