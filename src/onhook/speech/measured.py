"""How much of a voice was understood when it was last proven: `measured.json`, which `make voices` writes."""

import json
from functools import cache
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).with_name("measured.json")

UNGRADED: Final = frozenset({"ar", "bn", "fa", "hi", "ta", "zh-HK"})
"""Languages that the recogniser itself does not write down well: its errors say little of a voice."""


def errors(language: str, gender: str, engine: str) -> float | None:
    """The share of words (in Chinese, Japanese and Korean of characters) that a recogniser did not understand
    in calls; None where it was not measured, or is not to be relied on."""
    if language in UNGRADED:
        return None
    return _measured().get((language, gender, engine))


@cache
def _measured() -> dict[tuple[str, str, str], float]:
    rows = json.loads(FILE.read_text("utf-8"))
    return {(row["language"], row["gender"], row["engine"]): row["errors"] for row in rows}
