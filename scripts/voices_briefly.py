"""Whether each language that is always there is still understood: scripts/voices_measured.py in short.

    PYTHONPATH=tests:. .venv/bin/python scripts/voices_briefly.py

Its woman says a sentence in a call, Whisper base writes down what the phone heard, and that is compared with
the committed figures. Status 1 where much more is not understood than then; those of whom a recogniser cannot
tell have only to be heard. Kokoro has no part in it.
"""

import asyncio
import logging
import sys
from typing import Final

import structlog

from onhook.speech.engines.languages import LANGUAGES
from onhook.speech.installed import installed_voices
from onhook.speech.voices import described
from proof import calls
from proof.briefly import BRIEF, faults, judged
from proof.figures import Figures, committed
from proof.kokoro import kokoro_aside
from proof.recogniser import NoRecogniser, Recogniser, weights
from proof.scoring import share_of_characters

SHORTEST_S: Final = 1.5
"""No sentence is shorter."""


def speakers() -> list[calls.Speaker]:
    """The women of the languages that are always there."""
    always = {"en-US", *(language.tag for language in LANGUAGES)}
    with installed_voices() as catalogue:
        rows = described(catalogue.voices)
    return [
        calls.Speaker.of(row)
        for row in rows
        if row["language"] in always and row["gender"] == "female"
    ]


async def run() -> int:
    """Say, write down, compare."""
    before, those = committed(), speakers()
    async with calls.server({}) as customer:
        heard = await calls.say_one(customer, those, BRIEF)
    wrong: list[str] = []
    shares: list[tuple[Figures, float]] = []
    with weights() as directory:
        recogniser = Recogniser(directory)
        for speaker, one in zip(those, heard, strict=True):
            figures, length_s = before[speaker.key], len(one.pcm) / 8000
            if length_s < SHORTEST_S:
                wrong.append(f"{speaker.key}: heard for {length_s:.1f} s only.")
            if not judged(figures):
                print(f"{speaker.key}: heard for {length_s:.1f} s", flush=True)
                continue
            written = recogniser.heard(one.pcm, speaker.language)
            found = share_of_characters(one.said, written, speaker.language)
            print(f"{speaker.key}: {found:.2f} wrong: {written}", flush=True)
            shares.append((figures, found))
    wrong += faults(shares)
    for sentence in wrong:
        print(sentence)
    print(f"{len(those)} languages heard, {len(shares)} judged, {len(wrong)} faults")
    return 1 if wrong else 0


def main() -> int:
    """Run it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    try:
        with kokoro_aside():
            return asyncio.run(run())
    except NoRecogniser as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
