from collections.abc import Iterator
from pathlib import Path

import pytest

from onhook.speech.engines.english import EnglishVoice
from onhook.speech.installed import installed_voices
from onhook.speech.voices import Catalogue


@pytest.fixture(scope="session")
def english() -> EnglishVoice:
    """The real voice; loaded by the first test that lets it speak."""
    return EnglishVoice()


@pytest.fixture(scope="session")
def catalogue(english: EnglishVoice) -> Catalogue:
    return Catalogue([english])


@pytest.fixture(scope="session")
def installed() -> Iterator[Catalogue]:
    """All real voices, but for those that are installed apart."""
    with installed_voices(vectors=Path("/nonexistent")) as voices:
        yield voices
