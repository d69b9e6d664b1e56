"""The proof in its short form: a sentence in each language that is always there, by its woman."""

from typing import Final

from onhook.speech.measured import UNGRADED
from proof.figures import Figures

BRIEF: Final = 0
"""Which of the lines it is: the apology, which is words alone."""

MARGIN: Final = 0.2
"""How much more of a sentence's characters may not be understood than when it was measured: the formant
engine and Pico have other noise in each run."""

WORST: Final = 0.8
"""From such a share on, a sentence is not told from one in another language."""


def limit(committed: Figures) -> float | None:
    """How much of the sentence may not be understood; None where that would say nothing of the voice."""
    if committed.sentence is None or committed.language in UNGRADED:
        return None
    worst = committed.sentence + MARGIN
    return worst if worst <= WORST else None


def fault(committed: Figures, found: float) -> str:
    """That a sentence was understood less than it may be, in a sentence; else nothing."""
    worst = limit(committed)
    if worst is None or found <= worst:
        return ""
    return (
        f"{committed.key}: {found:.2f} of the characters of its sentence are not understood; "
        f"{committed.sentence:.2f} were not when it was measured, {worst:.2f} may be."
    )
