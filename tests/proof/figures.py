"""What was measured of each voice, and what is demanded of it."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from onhook.speech.measured import FILE, TARGETS, UNGRADED, kind

WORSE_BY: Final = 0.3
"""How far a grade may lie below the one that is committed."""

GREW_BY: Final = 0.1
"""How far errors may lie above those that are committed: with so few lines they are good to about that."""

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
    """What is wrong with a voice and is not so `before`, in sentences: the target that it misses, errors that
    grew, the grade that it lost."""
    if not found.heard:
        return []
    earlier = before.get(found.key)
    wrong: list[str] = []
    if (sentence := missed(found)) and (earlier is None or not missed(earlier)):
        wrong.append(sentence)
    if earlier is None:
        return wrong
    if _grew(found, earlier):
        wrong.append(
            f"{found.key}: {found.errors:.2f} is not understood, and {earlier.errors:.2f} before."
        )
    if round(earlier.grade - found.grade, 2) > WORSE_BY:
        wrong.append(f"{found.key}: graded {found.grade:.1f}, and {earlier.grade:.1f} before.")
    return wrong


def known(found: Figures, before: Mapping[str, Figures]) -> str:
    """That a voice misses its target as it did `before`, in a sentence; else nothing."""
    earlier = before.get(found.key)
    as_before = earlier is not None and missed(earlier) and not _grew(found, earlier)
    return missed(found) if as_before else ""


def _grew(found: Figures, earlier: Figures) -> bool:
    """Whether errors grew by more than they differ from run to run, where they say anything of the voice."""
    return not found.ungraded and round(found.errors - earlier.errors, 3) > GREW_BY


def closing(new: Sequence[str], old: Sequence[str]) -> list[str]:
    """The lines at the end of a run: the misses that are committed already, then what is new."""
    lines: list[str] = []
    for title, sentences in (("Committed already:", old), ("New:", new)):
        if sentences:
            lines += [title, *(f"  {sentence}" for sentence in sentences)]
    return lines


def status(new: Sequence[str], old: Sequence[str]) -> int:
    """The status that a run exits with: 1 for faults that are `new`, 2 where there are only `old` ones."""
    if new:
        return 1
    return 2 if old else 0


def committed(path: Path = FILE) -> dict[str, Figures]:
    """Those of the last run that was kept; of the last commit, unless there was a run since."""
    return _read(path.read_text("utf-8")) if path.exists() else {}


def at_last_commit(path: Path = FILE) -> dict[str, Figures]:
    """Those of the last commit, whatever was kept since: who measures once more, to see whether a fault comes
    again, has not accepted it. Those that were kept, where there is no commit with them."""
    shown = subprocess.run(
        ["git", "show", f"HEAD:./{path.name}"],
        cwd=path.parent,
        check=False,
        capture_output=True,
        encoding="utf-8",
    )
    return _read(shown.stdout) if shown.returncode == 0 else committed(path)


def _read(text: str) -> dict[str, Figures]:
    rows = (Figures(**row) for row in json.loads(text)["voices"])
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
