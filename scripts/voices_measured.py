"""Writes docs/voices-measured.md: every voice in a real call, written down by a recogniser and graded.

    PYTHONPATH=tests:. .venv/bin/python scripts/voices_measured.py [--engines pico espeak] [--languages ru tr]
        [--missing]

With `--engines` and `--languages` only their voices speak, with `--missing` only those without figures; those
of the others stay as they are. With `--check` nothing is written.

At the end it names the voices that miss their target as they did at the last commit, and what is new: other
misses, errors that grew by more than 0.1, grades that fell by more than 0.3. Status 1 where something is new,
2 where all of it is committed already, 3 where it could not be measured.
"""

import argparse
import asyncio
import datetime
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Final, NoReturn

import numpy as np

from onhook.speech.errors import InstallFailed
from onhook.speech.installed import installed_voices
from onhook.speech.voices import described
from proof import calls, formant_beside, page
from proof.briefly import BRIEF
from proof.figures import (
    COMPARED,
    NOT_OFFERED,
    Figures,
    Run,
    at_last_commit,
    closing,
    committed,
    faults,
    known,
    status,
    write,
)
from proof.grader import Grader
from proof.kokoro import kokoro_aside, kokoro_for_now
from proof.recogniser import NoRecogniser, Recogniser, weights
from proof.scoring import rate, share_of_characters
from proof.sentences import CANDIDATES

PAGE: Final = Path(__file__).parents[1] / "docs" / "voices-measured.md"

GRADED: Final = 2
"""So many lines of a voice are graded: a grade takes longer than a line."""

NOT_MEASURED: Final = 3
"""The status of a run that did not come to its end."""

_EVERYTHING: Final = {"experimental_voices": "true", "prepare_s": "60", "speech_idle_s": "0"}
_SLOW: Final = {**_EVERYTHING, "voice_wait_ms": "60000"}
_AT_ONCE: Final = {**_EVERYTHING, "voice_wait_ms": "0"}


def speakers() -> list[calls.Speaker]:
    """Every voice: those that are heard, those that stand in for slow ones, and those of the formant engine
    that nobody hears: where Pico speaks, and of languages that are not offered."""
    with installed_voices(experimental=True) as catalogue:
        heard = list(catalogue.voices)
        beneath = [below for voice in heard if (below := catalogue.stand_in(voice)) is not None]
        rows = described([*heard, *beneath])
    known = [calls.Speaker.of(row) for row in rows]
    unheard = [*dict.fromkeys(formant_beside.TAGS, COMPARED).items()]
    unheard += dict.fromkeys(CANDIDATES, NOT_OFFERED).items()
    tags = formant_beside.TAGS
    beside = [
        calls.Speaker(tag, gender, "espeak", why, "GPL-3.0-or-later", asked_as=tags.get(tag, tag))
        for tag, why in unheard
        for gender in ("female", "male")
    ]
    return [*known, *beside]


async def spoken(those: Sequence[calls.Speaker]) -> list[tuple[calls.Speaker, calls.Spoken]]:
    """What each of one engine says, on a server of their own, so that memory is that engine's."""
    slow = all(speaker.engine == "kokoro" for speaker in those)
    async with calls.server(_SLOW if slow else _AT_ONCE) as customer:
        return [(speaker, await calls.speak(customer, speaker)) for speaker in those]


async def measured(
    those: Sequence[calls.Speaker], recogniser: Recogniser, grader: Grader
) -> AsyncIterator[Figures]:
    """The figures of each. While an engine speaks nothing is written down or graded, and where it is not
    Kokoro's turn, Kokoro is not there: it would be at work beside the voices that stand in for it."""
    for engine in dict.fromkeys(speaker.engine for speaker in those):
        with nullcontext() if engine == "kokoro" else kokoro_aside():
            said = await spoken([speaker for speaker in those if speaker.engine == engine])
        for speaker, heard in said:
            yield judged(speaker, heard, recogniser, grader)


def judged(
    speaker: calls.Speaker, spoken: calls.Spoken, recogniser: Recogniser, grader: Grader
) -> Figures:
    """What the recogniser and the grader make of what the phone heard."""
    wrong = of = 0
    texts = [(one.said, recogniser.heard(one.pcm, speaker.language)) for one in spoken.heard]
    for said, written in texts:
        line_wrong, line_of = rate(said, written, speaker.language)
        wrong, of = wrong + line_wrong, of + line_of
        print(f"  {said}\n  {written}", flush=True)
    characters = share_of_characters(*texts[BRIEF], speaker.language)
    grades = [grader.grade(one.pcm, 8000) for one in spoken.heard[:GRADED]]
    seconds = sum(len(one.pcm) for one in spoken.heard) / 8000
    return Figures(
        language=speaker.language,
        gender=speaker.gender,
        engine=speaker.engine,
        quality=speaker.quality,
        licence=speaker.licence,
        errors=round(wrong / of, 3),
        sentence=round(characters, 3),
        grade=round(float(np.mean(grades)), 2),
        first_audio_ms=round(1000 * float(np.median([one.first_audio_s for one in spoken.heard]))),
        cpu=round(spoken.cpu_s / seconds, 3),
        memory_mb=round(spoken.memory_mb),
    )


async def run(
    engines: Sequence[str], languages: Sequence[str], *, missing: bool, check: bool
) -> int:
    """Measure, write, and say what is wrong."""
    before, kept = at_last_commit(), committed()
    every = speakers()
    those = [
        one
        for one in every
        if (not engines or one.engine in engines) and (not languages or one.language in languages)
    ]
    if missing:
        those = [one for one in those if one.key not in kept]
    rows = dict(kept) if len(those) < len(every) else {}
    new: list[str] = []
    old: list[str] = []
    began_s, day, loads = time.monotonic(), datetime.date.today().isoformat(), []
    with weights() as directory:
        recogniser, grader = Recogniser(directory, os.cpu_count() or 1), Grader()
        async for found in measured(those, recogniser, grader):
            rows[found.key] = found
            loads.append(os.getloadavg()[0])
            print(f"{found.key}: {found.errors:.2f} wrong, graded {found.grade:.1f}", flush=True)
            new += faults(found, before)
            old += filter(None, [known(found, before)])
            if not check:  # what takes long is kept as it comes
                _keep(every, rows, None)
    minutes = round((time.monotonic() - began_s) / 60)
    if not check and len(those) == len(every):
        _keep(
            every, rows, Run(day, minutes, os.cpu_count() or 1, round(float(np.median(loads)), 1))
        )
    for line in closing(new, old):
        print(line)
    print(f"{len(those)} voices in {minutes} minutes, faults: {len(new)} new, {len(old)} committed")
    return status(new, old)


def _keep(every: Sequence[calls.Speaker], rows: Mapping[str, Figures], run: Run | None) -> None:
    """Write figures and page, in the order of the voices."""
    known = {one.key: rows[one.key] for one in every if one.key in rows}
    write({**known, **rows}, run)
    PAGE.write_text(page.page(list(committed().values()), run), "utf-8")


class _Parser(argparse.ArgumentParser):
    """Whose status for options that it does not know is not that of faults which are known."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(NOT_MEASURED, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it."""
    parser = _Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", nargs="*", default=[], help="only the voices of these")
    parser.add_argument("--languages", nargs="*", default=[], help="only these, by their tags")
    parser.add_argument("--missing", action="store_true", help="only those without figures")
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args(arguments)
    wanted = not options.engines or "kokoro" in options.engines
    try:
        with kokoro_for_now() if wanted else nullcontext():
            return asyncio.run(
                run(
                    options.engines, options.languages, missing=options.missing, check=options.check
                )
            )
    except (NoRecogniser, ModuleNotFoundError, InstallFailed) as error:
        print(error, file=sys.stderr)
        return NOT_MEASURED


if __name__ == "__main__":
    sys.exit(main())
