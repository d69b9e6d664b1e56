"""What was measured of each voice, and what is demanded of it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from onhook.speech.measured import FILE, UNGRADED

WORST: Final = {"neural": 0.15, "statistical": 0.30, "formant": 0.95}
"""How many of the words (or characters) may be wrong, by kind of voice."""

WORSE_BY: Final = 0.3
"""How far a grade may lie below the one that is committed."""

NOISE: Final = 0.1
"""How far two measurements of the same errors may be apart."""

COMPARED: Final = "formant, not heard: Pico speaks"
"""The quality of the formant engine where it is measured for comparison only."""

NOT_OFFERED: Final = "formant, not offered"
"""Its quality in languages that are measured, and refused."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One voice: the share of words that were not understood, and so on."""

    language: str
    gender: str
    engine: str
    quality: str
    licence: str
    errors: float
    grade: float
    first_audio_ms: float
    cpu: float
    """Seconds of CPU a second of speech."""
    memory_mb: float

    @property
    def key(self) -> str:
        """What they are kept under."""
        return f"{self.language} {self.gender} {self.engine}"

    @property
    def kind(self) -> str:
        """Neural, statistical or formant; what is experimental is a kind of its own."""
        if "experimental" in self.quality:
            return "experimental"
        return self.quality.partition(",")[0]

    @property
    def heard(self) -> bool:
        """Whether it speaks in calls."""
        return self.quality not in (COMPARED, NOT_OFFERED)

    @property
    def ungraded(self) -> bool:
        """Whether errors say more of the recogniser than of the voice."""
        return self.language in UNGRADED


def missed(found: Figures) -> str:
    """That a voice that is heard misses its target, in a sentence; else nothing."""
    worst = WORST.get(found.kind)
    if not found.heard or found.ungraded or worst is None or found.errors <= worst:
        return ""
    return f"{found.key}: {found.errors:.2f} is not understood, {worst} may be."


def faults(found: Figures, before: Mapping[str, Figures]) -> list[str]:
    """What is wrong with a voice, in sentences: what it misses, unless it is `known`, and what got worse."""
    if not found.heard:
        return []
    wrong: list[str] = []
    earlier = before.get(found.key)
    if (sentence := missed(found)) and not known(found, before):
        if earlier is not None and missed(earlier):
            sentence += f" It was {earlier.errors:.2f} before."
        wrong.append(sentence)
    if earlier is not None and found.grade < earlier.grade - WORSE_BY:
        wrong.append(f"{found.key}: graded {found.grade:.1f}, and {earlier.grade:.1f} before.")
    return wrong


def known(found: Figures, before: Mapping[str, Figures]) -> list[str]:
    """What a voice misses as it did before, in sentences."""
    sentence, earlier = missed(found), before.get(found.key)
    if not sentence or earlier is None or not missed(earlier):
        return []
    return [sentence] if found.errors <= earlier.errors + NOISE else []


def committed(path: Path = FILE) -> dict[str, Figures]:
    """Those of the last run that was committed."""
    if not path.exists():
        return {}
    rows = (Figures(**row) for row in json.loads(path.read_text("utf-8")))
    return {row.key: row for row in rows}


def write(found: Mapping[str, Figures], path: Path = FILE) -> None:
    """Keep them for the next run, and for `onhook voices`."""
    rows = ",\n".join(json.dumps(asdict(row), ensure_ascii=False) for row in found.values())
    path.write_text(f"[\n{rows}\n]\n", "utf-8")
