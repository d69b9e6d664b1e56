from pathlib import Path

import numpy as np
import pytest

from onhook.media import Codec, Prompt, PromptDamaged, PromptMissing
from onhook.media.g711 import encode

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
    assert {path.name for path in tmp_path.iterdir()} == {f"{DIGEST}.ulaw", f"{DIGEST}.alaw"}


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / f"{DIGEST}.ulaw").mkdir()
    with pytest.raises(OSError):
        Prompt.write(tmp_path, DIGEST, RAMP)
    assert [path.name for path in tmp_path.iterdir()] == [f"{DIGEST}.ulaw"]


def test_a_prompt_exists_when_both_files_do(tmp_path: Path) -> None:
    assert not Prompt.exists(tmp_path, DIGEST)
    Prompt.write(tmp_path, DIGEST, RAMP)
    assert Prompt.exists(tmp_path, DIGEST)
    (tmp_path / f"{DIGEST}.alaw").unlink()
    assert not Prompt.exists(tmp_path, DIGEST)
    with pytest.raises(PromptMissing):
        Prompt.open(tmp_path, DIGEST)


def test_an_open_prompt_survives_its_files(tmp_path: Path) -> None:
    prompt = Prompt.write(tmp_path, DIGEST, RAMP)
    for path in tmp_path.iterdir():
        path.unlink()
    assert bytes(prompt.frames(Codec.PCMU)) == encode(RAMP, Codec.PCMU).tobytes()


def test_frames_outlive_the_prompt(tmp_path: Path) -> None:
    frames = Prompt.write(tmp_path, DIGEST, RAMP).frames(Codec.PCMA)
    assert bytes(frames) == encode(RAMP, Codec.PCMA).tobytes()


@pytest.mark.parametrize("sizes", [(0, 0), (160, 0), (159, 159), (160, 320)])
def test_damaged_files_are_refused(tmp_path: Path, sizes: tuple[int, int]) -> None:
    for suffix, size in zip((".ulaw", ".alaw"), sizes, strict=True):
        (tmp_path / (DIGEST + suffix)).write_bytes(bytes(size))
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
