"""What is made ahead for the English voice says the same, takes less, and may be missing or broken."""

import gzip
import json
import random
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from onhook.speech.engines import english, english_ahead, tables
from onhook.speech.engines.english import Synthesiser

SENTENCES = (
    "I read the lead story, and the wind will wind down by 5:30 on the 3rd of March.",
    "Dr. O'Neill's kids used to live at 221B Baker Street; they've moved, haven't they?",
    "It costs $1,234.50, or 20% less: call 911.",
    "Zygwort, the McGuffin, and naïve façades.",
)


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where everything was made."""
    made = tmp_path_factory.mktemp("ahead") / "speech"
    english_ahead.make(made)
    assert english_ahead.is_there(made)
    return made


@pytest.fixture(scope="session")
def plain() -> Synthesiser:
    return english.load()


@pytest.fixture(scope="session")
def ahead(directory: Path) -> Synthesiser:
    made = english.load(directory)
    assert english_ahead.is_there(directory)  # it was not thrown away as unusable
    return made


def lexicon_words(count: int) -> list[str]:
    package = find_spec("hibari")
    assert package is not None and package.origin is not None
    assets = Path(package.origin).with_name("assets")
    words: list[str] = []
    for name in ("gold", "silver"):
        content = gzip.decompress((assets / f"lexicon_us_{name}.json.gz").read_bytes())
        words += json.loads(content)
    return random.Random(1).sample(words, count)


def test_text_is_read_the_same(plain: Synthesiser, ahead: Synthesiser) -> None:
    for text in SENTENCES:
        assert ahead.phonemize(text) == plain.phonemize(text)
    words = lexicon_words(2000)
    for start in range(0, len(words), 8):
        text = " ".join(words[start : start + 8])
        assert ahead.phonemize(text) == plain.phonemize(text)


def test_phonemes_sound_the_same_to_the_sample(plain: Synthesiser, ahead: Synthesiser) -> None:
    for text in SENTENCES:
        for phonemes in plain.phonemize(text):
            heard = ahead.from_phonemes(phonemes, seed=0)
            assert np.array_equal(heard, plain.from_phonemes(phonemes, seed=0))


@pytest.mark.parametrize("spoilt", ["model", "tables"])
def test_what_cannot_be_used_is_made_anew_and_english_is_spoken_meanwhile(
    directory: Path, tmp_path: Path, spoilt: str
) -> None:
    for path in directory.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    file = getattr(english_ahead, f"{spoilt}_file")(tmp_path)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert english.load(tmp_path).phonemize("Hello.") == ["həlˈO."]
    assert not english_ahead.is_there(tmp_path)


def test_files_of_other_versions_go_and_those_of_others_stay(tmp_path: Path) -> None:
    (tmp_path / "english-0123456789abcdef.tables").touch()
    (tmp_path / "kept").touch()
    english_ahead.make(tmp_path)
    made = {english_ahead.model_file(tmp_path), english_ahead.tables_file(tmp_path)}
    assert set(tmp_path.iterdir()) == {*made, tmp_path / "kept"}


def test_tables_hold_what_was_written(tmp_path: Path) -> None:
    rows = {f"word {number} \u02c8": b"%d" % number for number in range(1000)}
    file = tmp_path / "tables"
    file.write_bytes(tables.written({"many": rows, "none": {}, "one": {"": b"empty"}}))
    found = tables.read(file)
    assert {word: found["many"].get(word) for word in rows} == rows
    assert found["many"].get("word") is None and found["none"].get("word") is None
    assert found["one"].get("") == b"empty"
    assert "word 7 \u02c8" in found["many"] and "\ud800" not in found["many"]


@pytest.mark.parametrize("size", [10, 100])
def test_tables_that_are_not_whole_are_refused(tmp_path: Path, size: int) -> None:
    file = tmp_path / "tables"
    file.write_bytes(tables.written({"one": {"word": b"x" * 1000}})[:size])
    with pytest.raises(ValueError, match="file of tables"):
        tables.read(file)
