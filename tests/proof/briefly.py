"""The proof in its short form: a sentence in each language that is always there, by its woman."""

from collections.abc import Sequence
from typing import Final

from onhook.speech.measured import UNGRADED
from proof.figures import Figures

BRIEF: Final = 0
"""Which of the lines it is: the apology, which is words alone."""

CLEAR: Final = 0.1
"""Who is understood but for so many of the characters is judged alone. The others have other noise in each
run, of which the recogniser makes something else (0.2 of a sentence, then 0.6): they are judged together."""

MARGIN: Final = 0.2
"""How much more of a sentence's characters may not be understood than when it was measured."""

MARGIN_TOGETHER: Final = 0.15
"""The same, of the mean of those that are judged together; two runs were 0.04 apart."""

WORST: Final = 0.6
"""From such a share on, a sentence is not told from one in another language."""


def judged(committed: Figures) -> bool:
    """Whether what is understood of the sentence says anything of the voice."""
    return (
        committed.sentence is not None
        and committed.sentence <= WORST
        and committed.language not in UNGRADED
    )


def faults(found: Sequence[tuple[Figures, float]]) -> list[str]:
    """Whose sentence was understood less than it may be, each in a sentence. `found` has what is committed of
    those that are `judged`, and the share of the characters that were not understood now."""
    rows = [(one, one.sentence, now) for one, now in found if one.sentence is not None]
    wrong = [
        f"{one.key}: {now:.2f} of the sentence is not understood, {before:.2f} when it was measured."
        for one, before, now in rows
        if before <= CLEAR and now > before + MARGIN
    ]
    others = [(before, now) for _, before, now in rows if before > CLEAR]
    if others:
        before, now = (sum(shares) / len(others) for shares in zip(*others, strict=True))
        if now > before + MARGIN_TOGETHER:
            wrong.append(
                f"The other {len(others)}: {now:.2f} is not understood, {before:.2f} when they were measured."
            )
    return wrong
