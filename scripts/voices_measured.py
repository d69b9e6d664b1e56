"""Writes docs/voices-measured.md: every voice in a real call, written down by a recogniser and graded.

    PYTHONPATH=tests:. .venv/bin/python scripts/voices_measured.py [--engines pico espeak] [--missing]

With `--engines` only their voices speak, with `--missing` only those without figures; those of the others
stay as they are committed. With `--check` nothing is written. Status 1 where a voice misses its target and
is not committed as missing it, or is worse than committed; those that are known to miss it are named.
"""

import argparse
import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final

import numpy as np

from onhook.speech.engines import kokoro, kokoro_install
from onhook.speech.errors import InstallFailed
from onhook.speech.installed import installed_voices
from onhook.speech.voices import described
from proof import calls, formant_beside, page
from proof.figures import COMPARED, NOT_OFFERED, Figures, committed, faults, known, write
from proof.grader import Grader
from proof.recogniser import NoRecogniser, Recogniser, weights
from proof.scoring import rate
from proof.sentences import CANDIDATES

PAGE: Final = Path(__file__).parents[1] / "docs" / "voices-measured.md"

GRADED: Final = 2
"""So many lines of a voice are graded: a grade takes longer than a line."""

_WRITTEN_AS: Final = {"nb": "no"}
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
    known = [
        calls.Speaker(
            *(str(row[name]) for name in ("language", "gender", "engine", "quality", "licence"))
        )
        for row in rows
    ]
    unheard = [*dict.fromkeys(formant_beside.TAGS, COMPARED).items()]
    unheard += dict.fromkeys(CANDIDATES, NOT_OFFERED).items()
    tags = formant_beside.TAGS
    beside = [
        calls.Speaker(tag, gender, "espeak", why, "GPL-3.0-or-later", asked_as=tags.get(tag, tag))
        for tag, why in unheard
        for gender in ("female", "male")
    ]
    return [*known, *beside]


async def measured(
    those: Sequence[calls.Speaker], recogniser: Recogniser, grader: Grader
) -> AsyncIterator[Figures]:
    """The figures of each; one server an engine, so that memory is that engine's."""
    for engine in dict.fromkeys(speaker.engine for speaker in those):
        settings = _SLOW if engine == "kokoro" else _AT_ONCE
        async with calls.server(settings) as customer:
            for speaker in those:
                if speaker.engine == engine:
                    spoken = await calls.speak(customer, speaker)
                    yield await asyncio.to_thread(judged, speaker, spoken, recogniser, grader)


def judged(
    speaker: calls.Speaker, spoken: calls.Spoken, recogniser: Recogniser, grader: Grader
) -> Figures:
    """What the recogniser and the grader make of what the phone heard."""
    primary = speaker.language.partition("-")[0]
    wrong = of = 0
    for one in spoken.heard:
        written = recogniser.written(one.pcm, 8000, _WRITTEN_AS.get(primary, primary))
        line_wrong, line_of = rate(one.said, written, speaker.language)
        wrong, of = wrong + line_wrong, of + line_of
        print(f"  {one.said}\n  {written}", flush=True)
    grades = [grader.grade(one.pcm, 8000) for one in spoken.heard[:GRADED]]
    seconds = sum(len(one.pcm) for one in spoken.heard) / 8000
    return Figures(
        language=speaker.language,
        gender=speaker.gender,
        engine=speaker.engine,
        quality=speaker.quality,
        licence=speaker.licence,
        errors=round(wrong / of, 3),
        grade=round(float(np.mean(grades)), 2),
        first_audio_ms=round(1000 * float(np.median([one.first_audio_s for one in spoken.heard]))),
        cpu=round(spoken.cpu_s / seconds, 3),
        memory_mb=round(spoken.memory_mb),
    )


@contextmanager
def kokoro_for_now() -> Iterator[None]:
    """Have Kokoro's voices installed; they go afterwards if they were not there: tests are without them."""
    if kokoro.installed():
        yield
        return
    try:
        kokoro_install.install()
        yield
    finally:
        shutil.rmtree(kokoro.VECTORS, ignore_errors=True)


async def run(engines: Sequence[str], *, missing: bool, check: bool) -> int:
    """Measure, write, and say what is wrong."""
    before = committed()
    those = [one for one in speakers() if not engines or one.engine in engines]
    if missing:
        those = [one for one in those if one.key not in before]
    rows = dict(before) if engines or missing else {}
    wrong: list[str] = []
    missing_still: list[str] = []
    with weights() as directory:
        recogniser, grader = Recogniser(directory), Grader()
        async for found in measured(those, recogniser, grader):
            rows[found.key] = found
            print(f"{found.key}: {found.errors:.2f} wrong, graded {found.grade:.1f}", flush=True)
            wrong += faults(found, before)
            missing_still += known(found, before)
            if not check:  # what takes long is kept as it comes
                write(rows)
                PAGE.write_text(page.page(list(rows.values())), "utf-8")
    for sentence in missing_still:
        print(f"known: {sentence}")
    for sentence in wrong:
        print(sentence)
    return 1 if wrong else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--engines", nargs="*", default=[], help="only the voices of these")
    parser.add_argument("--missing", action="store_true", help="only those without figures")
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args(arguments)
    wanted = not options.engines or "kokoro" in options.engines
    try:
        with kokoro_for_now() if wanted else nullcontext():
            return asyncio.run(run(options.engines, missing=options.missing, check=options.check))
    except (NoRecogniser, ModuleNotFoundError, InstallFailed) as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
