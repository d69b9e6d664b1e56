"""The prompts on disk stay within their limit, and what is played stays."""

import os
from pathlib import Path

import numpy as np
import pytest

from onhook.media.prompt import Prompt
from onhook.server.prompt_files import PromptFiles

SECOND = np.full(8000, 1000, np.int16)
SIZE = 16384
"""What a second takes: 16000 bytes, in blocks of 4096."""


def digest(number: int) -> str:
    return f"{number:016x}"


def fill(files: PromptFiles, *numbers: int) -> None:
    for number in numbers:
        files.save(digest(number), SECOND)


def on_disk(directory: Path) -> list[int]:
    return sorted({int(path.stem, 16) for path in directory.glob("*.*")})


def test_what_is_saved_is_found(tmp_path: Path) -> None:
    files = PromptFiles(tmp_path, 10 * SIZE)
    assert files.find(digest(1)) is None
    saved = files.save(digest(1), SECOND)
    assert files.find(digest(1)) is saved  # memory is shared
    del saved
    found = files.find(digest(1))
    assert found is not None and found.duration_ms == 1000
    assert files.total_bytes == SIZE
    files.save(digest(1), SECOND)
    assert files.total_bytes == SIZE


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    files = PromptFiles(tmp_path, 3 * SIZE)
    fill(files, 1, 2, 3)
    assert files.find(digest(1)) is not None
    fill(files, 4)
    assert on_disk(tmp_path) == [1, 3, 4]
    assert files.total_bytes == 3 * SIZE
    assert files.find(digest(2)) is None


def test_what_is_open_stays(tmp_path: Path) -> None:
    files = PromptFiles(tmp_path, 2 * SIZE)
    fill(files, 1)
    playing = files.find(digest(1))
    fill(files, 2, 3, 4)
    assert on_disk(tmp_path) == [1, 4]
    assert playing is not None
    del playing
    fill(files, 5, 6)
    assert on_disk(tmp_path) == [5, 6]


def test_one_that_is_larger_than_the_limit_can_be_played(tmp_path: Path) -> None:
    files = PromptFiles(tmp_path, SIZE // 2)
    saved = files.save(digest(1), SECOND)
    assert files.find(digest(1)) is saved
    del saved
    fill(files, 2)
    assert on_disk(tmp_path) == [2]


def test_a_new_process_learns_what_is_there(tmp_path: Path) -> None:
    fill(PromptFiles(tmp_path, 10 * SIZE), 1, 2, 3, 4, 5)
    for number, age in ((1, 500), (2, 100), (3, 400), (4, 300), (5, 200)):
        for path in tmp_path.glob(f"{digest(number)}.*"):
            os.utime(path, (1e9 - age, 1e9 - age))
    files = PromptFiles(tmp_path, 4 * SIZE)
    assert files.find(digest(3)) is not None
    files.scan()
    assert on_disk(tmp_path) == [2, 3, 4, 5]
    assert files.total_bytes == 4 * SIZE
    fill(files, 6)
    assert on_disk(tmp_path) == [2, 3, 5, 6]


def test_use_survives_a_restart(tmp_path: Path) -> None:
    first = PromptFiles(tmp_path, 10 * SIZE)
    fill(first, 1, 2, 3)
    for path in tmp_path.iterdir():
        os.utime(path, (1e9, 1e9))
    assert first.find(digest(2)) is not None
    PromptFiles(tmp_path, SIZE).scan()
    assert on_disk(tmp_path) == [2]


def test_what_earlier_versions_left_is_found_or_goes(tmp_path: Path) -> None:
    """They had a file for each law; of one prompt here there is but half."""
    fill(PromptFiles(tmp_path, 10 * SIZE), 3)
    for number, suffix in ((1, "ulaw"), (2, "ulaw"), (2, "alaw")):
        path = tmp_path / f"{digest(number)}.{suffix}"
        path.write_bytes(bytes(8000))
        os.utime(path, (1e9 + number, 1e9 + number))
    files = PromptFiles(tmp_path, 10 * SIZE)
    files.scan()
    assert files.total_bytes == SIZE // 2 + SIZE + SIZE
    assert files.find(digest(1)) is None
    found = files.find(digest(2))
    assert found is not None and found.duration_ms == 1000
    assert files.total_bytes == 2 * SIZE
    PromptFiles(tmp_path, SIZE).scan()
    assert len(on_disk(tmp_path)) == 1


def test_what_is_damaged_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / f"{digest(1)}.g711").write_bytes(bytes(159))
    files = PromptFiles(tmp_path, 10 * SIZE)
    files.scan()
    assert files.find(digest(1)) is None
    fill(files, 1)
    assert files.find(digest(1)) is not None
    assert files.total_bytes == SIZE


def test_what_was_deleted_by_hand_is_made_anew(tmp_path: Path) -> None:
    files = PromptFiles(tmp_path, 10 * SIZE)
    fill(files, 1)
    for path in tmp_path.iterdir():
        path.unlink()
    assert files.find(digest(1)) is None
    assert files.total_bytes == 0


def test_what_is_being_saved_is_not_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread scans, and makes room, when a prompt has its name and is not open yet."""
    fill(PromptFiles(tmp_path, 10 * SIZE), 1)
    files = PromptFiles(tmp_path, 0)
    write = Prompt.write

    def interrupted(
        directory: Path, name: str, pcm: np.ndarray[tuple[int], np.dtype[np.int16]]
    ) -> Prompt:
        write(directory, name, pcm)
        files.scan()
        assert on_disk(tmp_path) == [2]
        return write(directory, name, pcm)

    monkeypatch.setattr(Prompt, "write", interrupted)
    saved = files.save(digest(2), SECOND)
    assert files.find(digest(2)) is saved


def test_what_a_crash_left_half_written_is_deleted(tmp_path: Path) -> None:
    old, new = tmp_path / ".prompt-old", tmp_path / ".prompt-new"
    for path in (old, new):
        path.write_bytes(b"x")
    os.utime(old, (1e9, 1e9))
    PromptFiles(tmp_path, SIZE).scan()
    assert not old.exists() and new.exists()
