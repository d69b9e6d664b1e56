"""The page of the figures."""

from collections.abc import Sequence
from typing import Final

from onhook.speech.measured import TARGETS
from proof.figures import COMPARED, GREW_BY, NOT_OFFERED, WORSE_BY, Figures, Run, missed
from proof.scoring import BY_CHARACTER

_HEAD: Final = f"""\
# Voices, measured

`make voices` writes this page. Each voice says four lines (an apology, a code, a name with a date, an
address with a number) in calls to a real server. What the phone heard, at 8,000 Hz in G.711, is written
down by Whisper base and graded by DistillMOS.

- **Errors**: the share of the words that were not written down as they were said; of the characters in
  Chinese, Japanese and Korean. With so few lines it is good to about 0.1. In brackets where the recogniser
  itself is poor in the language, so that the figure says little of the voice.
- **Grade**: 1 to 5, as listeners would grade; for comparing voices, not languages.
- **First audio**: from the request to the first sound at the phone, the message being new; median. What was
  made before is there in some 5 ms.
- **CPU**: seconds a second of speech, of all processes that speak. **Memory**: of the same processes (PSS),
  after the voices of this engine up to here.

The target: at most {TARGETS["neural"]:.2f} of the words wrong for a neural voice,
{TARGETS["statistical"]:.2f} for a statistical one, {TARGETS["formant"]:.2f} for a formant one.
`make voices` fails for a voice that misses it, and says whether it is [named below](#who-misses-the-target)
already; for errors that grew by more than {GREW_BY} since the last commit, and for a grade that is more
than {WORSE_BY} lower than then.

"""

_TABLE: Final = """\
| language | gender | engine | kind | errors | grade | first audio, ms | CPU | memory, MB |
|---|---|---|---|---|---|---|---|---|
"""

_SEVERAL_RUNS: Final = """\
The figures were put together from several runs, on two cores that had other work at the same time: times are
for comparing. Where Kokoro speaks the language, too, CPU and memory of the voice that stands in for it have
Kokoro's in them; memory also in the rows that were measured after those.

"""

_KEPT: Final = """
These voices speak when they are asked for, since applications may ask for them already, but nobody should
rely on them; `onhook voices` and `GET /voices` say so (`understood`).
"""


def page(found: Sequence[Figures], run: Run | None) -> str:
    """All of it, in Markdown."""
    heard = [one for one in found if one.heard and one.kind != "experimental"]
    text = _HEAD + _about(run) + "## Who is heard\n\n" + _TABLE + "".join(map(_row, heard))
    if accented := [one for one in found if one.kind == "experimental"]:
        text += "\n## With a foreign accent (`--experimental-voices`)\n\n"
        text += _TABLE + "".join(map(_row, accented))
    if refused := [one for one in found if one.quality == NOT_OFFERED]:
        text += "\n## Languages that are not offered: the formant engine is not understood\n\n"
        text += _TABLE + "".join(map(_row, refused))
    if compared := [one for one in found if one.quality == COMPARED]:
        text += "\n## The formant engine, where Pico speaks in its place\n\n"
        text += _TABLE + "".join(map(_row, compared))
    return text + _missing(found)


def _about(run: Run | None) -> str:
    if run is None:
        return _SEVERAL_RUNS
    return (
        f"All figures are from one run, of {run.minutes} minutes, on {run.cores} cores with a load average "
        f"of {run.load:g} (median) on {run.day}. Each engine had a server of its own; Kokoro was not there "
        "where another engine was measured.\n\n"
    )


def _missing(found: Sequence[Figures]) -> str:
    wrong = list(filter(None, map(missed, found)))
    text = "\n## Who misses the target\n\n"
    return text + (
        "".join(f"- {sentence}\n" for sentence in wrong) + _KEPT if wrong else "Nobody.\n"
    )


def _row(one: Figures) -> str:
    errors = f"({one.errors:.2f})" if one.ungraded else f"{one.errors:.2f}"
    if one.language.partition("-")[0] in BY_CHARACTER:
        errors += " of characters"
    return (
        f"| {one.language} | {one.gender} | {one.engine} | {one.kind} | {errors} | {one.grade:.1f} "
        f"| {one.first_audio_ms:,.0f} | {one.cpu:.3f} | {one.memory_mb:.0f} |\n"
    )
