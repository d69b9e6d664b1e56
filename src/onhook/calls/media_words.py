"""What the audio of a leg was like, in words: of the figures that media_figures.py makes. Pure."""

from collections.abc import Mapping, Sequence

from onhook.call import Fields


def in_words(media: Fields, whose: str) -> Sequence[tuple[str, str]]:
    """Names and texts: one for each direction, seen from us, and one for the way there and back where it is
    known. Nothing of a leg without audio."""
    known = dict(media)
    trip_ms = known.get("round_trip_ms")
    return (
        *_direction(known, "received", f"from the {whose}", whose),
        *_direction(known, "sent", f"to the {whose}", whose),
        *((("round trip", f"{trip_ms} ms"),) if trip_ms else ()),
    )


def _direction(
    known: Mapping[str, str], way: str, name: str, whose: str
) -> Sequence[tuple[str, str]]:
    """Nothing of one of which no packet was counted, be it none."""
    packets = known.get(f"{way}_packets")
    if packets is None:
        return ()
    lost, loss, jitter, mos = (
        known.get(f"{way}_{figure}") for figure in ("lost", "loss", "jitter_ms", "mos")
    )
    if lost is None:
        return ((name, f"{packets} packets; the {whose} does not tell what arrived"),)
    said = f"{packets} packets, {lost} lost ({loss} %), jitter {jitter} ms, MOS {mos}"
    return ((name, said),)
