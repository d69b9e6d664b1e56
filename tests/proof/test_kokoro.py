"""Kokoro's voices are where they were, whatever a run did that was killed in between."""

from pathlib import Path

import pytest

from onhook.speech.engines import kokoro
from proof.kokoro import kokoro_aside, kokoro_for_now


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    """Where the voices belong; nothing is there yet."""
    return tmp_path / "kokoro"


def put(directory: Path, voice: str) -> None:
    directory.mkdir()
    (directory / voice).touch()


def names(directory: Path) -> list[str]:
    """What is there, by path."""
    return sorted(str(file.relative_to(directory)) for file in directory.rglob("*.bin"))


def test_voices_are_away_for_a_while(vectors: Path) -> None:
    put(vectors, "alpha.bin")
    with kokoro_aside(vectors):
        assert not vectors.exists()
    assert names(vectors.parent) == ["kokoro/alpha.bin"]


def test_voices_that_a_killed_run_left_aside_come_back(vectors: Path) -> None:
    put(vectors.with_name("kokoro-aside"), "alpha.bin")
    with kokoro_aside(vectors):
        assert not vectors.exists()
    assert names(vectors.parent) == ["kokoro/alpha.bin"]


def test_voices_that_were_installed_since_replace_those_aside(vectors: Path) -> None:
    put(vectors.with_name("kokoro-aside"), "old.bin")
    put(vectors, "new.bin")
    with kokoro_aside(vectors):
        assert not vectors.exists()
    assert names(vectors.parent) == ["kokoro/new.bin"]
    with kokoro_aside(vectors):
        put(vectors, "newest.bin")
    assert names(vectors.parent) == ["kokoro/newest.bin"]


def test_voices_that_are_aside_need_not_be_installed_anew(
    vectors: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kokoro, "installed", Path.exists)  # tests are without the model's packages
    put(vectors.with_name("kokoro-aside"), "alpha.bin")
    with kokoro_for_now(vectors):
        assert names(vectors) == ["alpha.bin"]
    assert names(vectors.parent) == ["kokoro/alpha.bin"]
