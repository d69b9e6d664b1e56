"""The page of what bench/voices.py measured."""

from collections.abc import Mapping, Sequence
from typing import Final

from bench.figures import Figures, number, pair

_HEAD: Final = """\
# Voices, timed

`PYTHONPATH=tests:. .venv/bin/python -m bench.voices --page` writes this page. What is understood of each
voice stands in [voices-measured](voices-measured.md).

"""

_WAITS: Final = """\
## Request to first packet

A ringing call is hung up with a sentence that nobody has said before, then another one with the same, by the
woman of each language that is always there; from the moment before the request is written to the first RTP
packet, by the kernel's time stamp. p50 / p99.

| language | new | cached |
|---|---|---|
"""


def page(found: Mapping[str, Figures], tags: Sequence[str], about: str) -> str:
    """All of it, in Markdown; `found` has the figures of each part, `about` is a sentence of the run."""
    text = _HEAD + about + "\n\n" + _WAITS
    for tag in tags:
        new, cached = (pair(found["languages"], f"{tag}, {state}") for state in ("new", "cached"))
        text += f"| {tag} | {new} | {cached} |\n"
    return text + "".join(part(found) for part in (_crowd, _hostile, _pico))


def _crowd(found: Mapping[str, Figures]) -> str:
    crowd = found["crowd"]
    (name,) = (key.removesuffix("_n") for key in crowd if key.endswith("_n"))
    return f"\n## Together\n\n{name}, each in a language of its own: {pair(crowd, name)} (p50 / p99).\n"


def _hostile(found: Mapping[str, Figures]) -> str:
    hostile = found["hostile"]
    text = (
        "\n## Hostile texts\n\n"
        f"{hostile['answered']} of {hostile['asked']} texts of up to 1,000 characters were answered, after "
        f"{number(hostile['longest_s'])} s at most; a request may take {number(hostile['deadline_s'])} s.\n\n"
        "| text | status | times |\n|---|---|---|\n"
    )
    for name, times in hostile.items():
        kind, colon, status = name.partition(": ")
        if colon:
            text += f"| {kind} | `{status}` | {times} |\n"
    return text


def _pico(found: Mapping[str, Figures]) -> str:
    pico = found["pico"]
    before, after = number(pico["workers_before_mb"]), number(pico["workers_after_mb"])
    return (
        "\n## Pico's workers\n\n"
        f"{before} MB after 100 messages, {after} MB after {pico['messages']:,} (of both), "
        f"{number(pico['message_ms'])} ms a message.\n"
    )
