"""One loudness, whoever speaks: a message goes from one engine to another, and nobody notices."""

from collections.abc import Iterator

import numpy as np
import pytest

from onhook.speech.downloads.downloads import Downloads
from onhook.speech.level import PEAK_DBFS, TARGET_DBFS, active_level_dbfs
from onhook.speech.narrowband import Pcm
from onhook.speech.renderer import Renderer, speech
from onhook.speech.utterance import Utterance
from onhook.speech.voices import Catalogue, Voice
from proof.sentences import lines
from speech.doubles import Opened, Shelf, Web

APART_DB = 2.0
"""How much louder one engine may be than another, in one message."""

NUMBER = "5."


def peak_dbfs(pcm: Pcm) -> float:
    return float(20 * np.log10(max(1, np.abs(pcm.astype(np.int32)).max()) / 32768))


def texts(voice: Voice) -> Iterator[str]:
    """A sentence, a code, and a word that is over at once."""
    for asked, _ in lines(voice.language)[:2]:
        yield asked
    yield NUMBER


@pytest.mark.slow
def test_every_voice_is_as_loud_as_the_others_and_none_clips(installed: Catalogue) -> None:
    wrong = []
    for voice in installed.voices:
        for text in texts(voice):
            pcm = speech(voice, text)
            level, peak = active_level_dbfs(pcm), peak_dbfs(pcm)
            if abs(level - TARGET_DBFS) > APART_DB / 2 + 0.2 or peak > PEAK_DBFS + 0.01:
                name = f"{voice.language} {voice.gender.value}"
                wrong.append(f"{name}: {text}: {level:.1f} dBFS, peak {peak:.1f}")
    assert not wrong


async def test_engines_that_follow_one_another_in_a_message_are_equally_loud(
    installed: Catalogue,
) -> None:
    shelf = Shelf()
    renderer: Renderer[Opened] = Renderer(
        catalogue=installed, store=shelf, downloads=Downloads(shelf, Web())
    )
    msg = "".join(
        f'<speech language="{language}" gender="{gender}">{text}</speech>'
        for language, gender, text in (
            ("en", "female", "Thank you for your call."),
            ("es-ES", "female", "Gracias por su llamada."),
            ("es-MX", "male", "Su código es 4829."),
            ("en", "male", "Your code is 4829."),
            ("de", "male", "Ja."),
            ("zh-CN", "female", "请打开 Wi-Fi，然后按 OK 键。"),
            ("ru", "male", "Откройте Wi-Fi."),
            ("ja", "female", "お待ちください。"),
        )
    )
    try:
        rendered = await renderer.render(renderer.check(msg), deadline_s=60)
    finally:
        await renderer.close()
    levels = [active_level_dbfs(part.prompt.pcm) for part in rendered.parts]
    assert max(levels) - min(levels) < APART_DB
    assert max(peak_dbfs(part.prompt.pcm) for part in rendered.parts) < PEAK_DBFS + 0.01


@pytest.mark.parametrize("gender", ["female", "male"])
def test_a_foreign_word_is_as_loud_as_the_text_around_it(installed: Catalogue, gender: str) -> None:
    voice = installed.find("zh-CN", gender)
    runs = [sound.samples * 32767 for sound in voice.synthesise("请打开Facebook，然后等一等。")]
    levels = [active_level_dbfs(run.astype(np.int16)) for run in runs]
    assert len(levels) == 3
    assert max(levels) - min(levels) < APART_DB


@pytest.mark.parametrize(
    ("language", "gender"), [("en", "female"), ("es-ES", "male"), ("ja", "female")]
)
def test_a_long_text_keeps_its_level_from_piece_to_piece(
    installed: Catalogue, language: str, gender: str
) -> None:
    voice = installed.find(language, gender)
    utterance = Utterance(voice, " ".join(asked for asked, _ in lines(voice.language)))
    pieces = []
    while not utterance.over:
        pieces.append(utterance.piece())
    levels = [active_level_dbfs(piece) for piece in pieces if len(piece) > 4000]
    assert len(levels) >= 2
    assert max(levels) - min(levels) < APART_DB
    assert max(peak_dbfs(piece) for piece in pieces if len(piece)) < PEAK_DBFS + 0.01
