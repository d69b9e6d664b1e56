"""What was measured of each voice, and what is demanded of it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from onhook.speech.measured import FILE, TARGETS, UNGRADED, kind

WORSE_BY: Final = 0.3
"""How far a grade may lie below the one that is committed."""

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
    sentence: float | None
    """The share of the characters of one sentence, that of `briefly`, which were not understood; None where
    only the words of all lines were counted."""
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
        return kind(self.quality)

    @property
    def heard(self) -> bool:
        """Whether it speaks in calls."""
        return self.quality not in (COMPARED, NOT_OFFERED)

    @property
    def ungraded(self) -> bool:
        """Whether errors say more of the recogniser than of the voice."""
        return self.language in UNGRADED


@dataclass(frozen=True, slots=True)
class Run:
    """A whole run of `make voices`."""

    day: str
    minutes: int
    cores: int
    load: float
    """The load average of the machine, the median over the voices."""


def missed(found: Figures) -> str:
    """That a voice that is heard misses its target, in a sentence; else nothing."""
    target = TARGETS.get(found.kind)
    if not found.heard or found.ungraded or target is None or found.errors <= target:
        return ""
    return f"{found.key}: {found.errors:.2f} is not understood, {target} may be."


def faults(found: Figures, before: Mapping[str, Figures]) -> list[str]:
    """What is wrong with a voice, in sentences: the target that it misses, the grade that it lost."""
    if not found.heard:
        return []
    wrong = [sentence] if (sentence := missed(found)) else []
    earlier = before.get(found.key)
    if earlier is not None and found.grade < earlier.grade - WORSE_BY:
        wrong.append(f"{found.key}: graded {found.grade:.1f}, and {earlier.grade:.1f} before.")
    return wrong


def committed(path: Path = FILE) -> dict[str, Figures]:
    """Those of the last run that was committed."""
    if not path.exists():
        return {}
    rows = (Figures(**row) for row in json.loads(path.read_text("utf-8"))["voices"])
    return {row.key: row for row in rows}


def run_of(path: Path = FILE) -> Run | None:
    """The run that they are from, if it was one."""
    run = json.loads(path.read_text("utf-8"))["run"]
    return run and Run(**run)


def write(found: Mapping[str, Figures], run: Run | None, path: Path = FILE) -> None:
    """Keep them for the next run, and for `onhook voices`."""
    rows = ",\n".join(json.dumps(asdict(row), ensure_ascii=False) for row in found.values())
    about = json.dumps(run and asdict(run))
    path.write_text(f'{{"run": {about}, "voices": [\n{rows}\n]}}\n', "utf-8")
