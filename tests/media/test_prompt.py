import gc
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from onhook.media import Codec, Prompt, PromptDamaged, PromptMissing
from onhook.media.edges import without_clicks
from onhook.media.frame_file import FrameFile
from onhook.media.g711 import encode
from onhook.media.prompt import OLD_SUFFIXES

DIGEST = "0123456789abcdef" * 4
RAMP = np.arange(-800, 800, dtype=np.int16) * 20


@pytest.mark.parametrize("codec", Codec)
def test_what_was_written_is_what_is_opened(tmp_path: Path, codec: Codec) -> None:
    Prompt.write(tmp_path, DIGEST, RAMP)
    assert bytes(Prompt.open(tmp_path, DIGEST).frames(codec)) == encode(RAMP, codec).tobytes()


@pytest.mark.parametrize("codec", Codec)
def test_last_frame_is_filled_up_with_silence(tmp_path: Path, codec: Codec) -> None:
    prompt = Prompt.write(tmp_path, DIGEST, RAMP[:161])
    frames = bytes(prompt.frames(codec))
    assert (prompt.frame_count, prompt.duration_ms, len(frames)) == (2, 40, 320)
    assert frames[:161] == encode(RAMP[:161], codec).tobytes()
    assert set(frames[161:]) == {codec.silence}


def test_frames_cannot_be_written_to(tmp_path: Path) -> None:
    assert Prompt.write(tmp_path, DIGEST, RAMP).frames(Codec.PCMU).readonly


def test_nothing_else_is_left_in_the_directory(tmp_path: Path) -> None:
    Prompt.write(tmp_path, DIGEST, RAMP)
    Prompt.write(tmp_path, DIGEST, RAMP)
    assert [path.name for path in tmp_path.iterdir()] == [f"{DIGEST}.g711"]


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / f"{DIGEST}.g711").mkdir()
    with pytest.raises(OSError):
        Prompt.write(tmp_path, DIGEST, RAMP)
    assert [path.name for path in tmp_path.iterdir()] == [f"{DIGEST}.g711"]


def test_a_prompt_exists_when_its_file_does(tmp_path: Path) -> None:
    assert not Prompt.exists(tmp_path, DIGEST)
    Prompt.write(tmp_path, DIGEST, RAMP)
    assert Prompt.exists(tmp_path, DIGEST)
    (tmp_path / f"{DIGEST}.g711").unlink()
    assert not Prompt.exists(tmp_path, DIGEST)
    with pytest.raises(PromptMissing):
        Prompt.open(tmp_path, DIGEST)


def write_old(directory: Path, pcm: NDArray[np.int16]) -> None:
    """As earlier versions did: a file for each law."""
    for codec, suffix in OLD_SUFFIXES.items():
        (directory / (DIGEST + suffix)).write_bytes(encode(pcm, codec).tobytes())


def test_the_two_files_of_earlier_versions_become_one(tmp_path: Path) -> None:
    write_old(tmp_path, RAMP)
    assert Prompt.exists(tmp_path, DIGEST)
    prompt = Prompt.open(tmp_path, DIGEST)
    for codec in Codec:
        assert bytes(prompt.frames(codec)) == encode(RAMP, codec).tobytes()
    assert [path.name for path in tmp_path.iterdir()] == [f"{DIGEST}.g711"]


def test_half_a_prompt_of_earlier_versions_is_none(tmp_path: Path) -> None:
    write_old(tmp_path, RAMP)
    (tmp_path / f"{DIGEST}.alaw").write_bytes(bytes(160))
    with pytest.raises(PromptDamaged):
        Prompt.open(tmp_path, DIGEST)
    (tmp_path / f"{DIGEST}.alaw").unlink()
    assert not Prompt.exists(tmp_path, DIGEST)
    with pytest.raises(PromptMissing):
        Prompt.open(tmp_path, DIGEST)


def test_a_file_is_replaced_and_not_written_to(tmp_path: Path) -> None:
    """Whoever plays it goes on with what was there when it was opened."""
    prompt = Prompt.write(tmp_path, DIGEST, RAMP)
    Prompt.write(tmp_path, DIGEST, RAMP[:160])
    assert bytes(prompt.frames(Codec.PCMU)) == encode(RAMP, Codec.PCMU).tobytes()
    assert Prompt.open(tmp_path, DIGEST).frame_count == 1


def test_a_file_that_was_cut_short_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    prompt = Prompt.write(tmp_path, DIGEST, RAMP)
    os.truncate(tmp_path / f"{DIGEST}.g711", 160)
    assert len(prompt.frames(Codec.PCMU)) == 160
    assert len(prompt.frames(Codec.PCMA)) == 0
    assert sum(part.frame_count for part in without_clicks([prompt])) == 10


def test_what_has_no_file_is_sealed() -> None:
    prompt = Prompt.of(RAMP)
    for size in (0, 1 << 20):
        with pytest.raises(PermissionError):
            os.ftruncate(prompt.file.descriptor, size)
    with pytest.raises(PermissionError):
        os.pwrite(prompt.file.descriptor, b"x", 0)
    assert bytes(prompt.frames(Codec.PCMA)) == encode(RAMP, Codec.PCMA).tobytes()


def test_its_descriptor_goes_with_it(tmp_path: Path) -> None:
    gc.collect()  # what earlier tests left does not go meanwhile
    before = descriptors()
    prompts = [Prompt.of(RAMP), Prompt.write(tmp_path, DIGEST, RAMP)]
    assert descriptors() == before + 2
    for prompt in (*prompts, *prompts):
        assert (
            len(without_clicks([prompt])) == 3
        )  # two of its frames are faded, in a file of their own
    assert descriptors() == before + 4
    del prompt
    prompts.clear()
    assert descriptors() == before
    with pytest.raises(PromptDamaged):
        (tmp_path / f"{DIGEST}.g711").write_bytes(b"x")
        Prompt.open(tmp_path, DIGEST)
    with pytest.raises(ValueError, match="whole frames"):
        FrameFile.of(bytes(160), bytes(320))
    assert descriptors() == before


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_an_open_prompt_survives_its_files(tmp_path: Path) -> None:
    prompt = Prompt.write(tmp_path, DIGEST, RAMP)
    for path in tmp_path.iterdir():
        path.unlink()
    assert bytes(prompt.frames(Codec.PCMU)) == encode(RAMP, Codec.PCMU).tobytes()


def test_frames_outlive_the_prompt(tmp_path: Path) -> None:
    frames = Prompt.write(tmp_path, DIGEST, RAMP).frames(Codec.PCMA)
    assert bytes(frames) == encode(RAMP, Codec.PCMA).tobytes()


@pytest.mark.parametrize("size", [0, 1, 160, 319, 480])
def test_damaged_files_are_refused(tmp_path: Path, size: int) -> None:
    (tmp_path / f"{DIGEST}.g711").write_bytes(bytes(size))
    with pytest.raises(PromptDamaged):
        Prompt.open(tmp_path, DIGEST)


@pytest.mark.parametrize(
    "digest", ["", "abc", "../" * 6, "A" * 64, "0" * 129, "0" * 63 + "\n", "\N{DIGIT ONE}/" * 16]
)
def test_what_is_not_a_digest_never_reaches_the_disk(tmp_path: Path, digest: str) -> None:
    with pytest.raises(ValueError, match="digest"):
        Prompt.open(tmp_path, digest)
    with pytest.raises(ValueError, match="digest"):
        Prompt.write(tmp_path, digest, RAMP)
    with pytest.raises(ValueError, match="digest"):
        Prompt.exists(tmp_path, digest)


def test_samples_that_are_no_prompt(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one channel"):
        Prompt.write(tmp_path, DIGEST, RAMP[:0])
    with pytest.raises(ValueError, match="one channel"):
        Prompt.write(tmp_path, DIGEST, RAMP.reshape(2, -1))
    with pytest.raises(TypeError):
        Prompt.write(tmp_path, DIGEST, RAMP.astype(np.float64))
    assert not list(tmp_path.iterdir())
