"""How much of a voice was understood when it was last proven: `measured.json`, which `make voices` writes."""

import json
from functools import cache
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).with_name("measured.json")

UNGRADED: Final = frozenset({"ar", "bn", "fa", "hi", "ta", "zh-HK"})
"""Languages that the recogniser itself does not write down well: its errors say little of a voice."""

TARGETS: Final = {"neural": 0.15, "statistical": 0.30, "formant": 0.95}
"""How many of the words (or characters) may be wrong for a voice to count as understood, by its kind."""


def errors(language: str, gender: str, engine: str) -> float | None:
    """The share of words (in Chinese, Japanese and Korean of characters) that a recogniser did not understand
    in calls; None where it was not measured, or is not to be relied on."""
    if language in UNGRADED:
        return None
    return _measured().get((language, gender, engine))


def kind(quality: str) -> str:
    """Neural, statistical or formant; what is experimental is a kind of its own, without a target."""
    return "experimental" if "experimental" in quality else quality.partition(",")[0]


def understood(quality: str, wrong: float | None) -> bool | None:
    """Whether a voice with so many `errors` meets the target of its kind; None where nobody can tell."""
    target = TARGETS.get(kind(quality))
    return None if wrong is None or target is None else wrong <= target


@cache
def _measured() -> dict[tuple[str, str, str], float]:
    rows = json.loads(FILE.read_text("utf-8"))["voices"]
    return {(row["language"], row["gender"], row["engine"]): row["errors"] for row in rows}
