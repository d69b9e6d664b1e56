"""The plane's own tables encode and decode as those for whole arrays do."""

from array import array

import numpy as np
import pytest

from onhook.media import g711
from onhook.media.frame_file import LAWS, coded, decoded
from onhook.media.g711 import Codec

EVERY_SAMPLE = np.arange(-32768, 32768).astype(np.int16)


def test_every_sample_in_both_laws() -> None:
    found = coded(EVERY_SAMPLE)
    for codec, frames in zip(LAWS, found, strict=True):
        wanted = g711.encode(EVERY_SAMPLE, codec).tobytes()
        assert frames[: len(wanted)] == wanted
        assert set(frames[len(wanted) :]) == {codec.silence}
        assert len(frames) % 160 == 0


@pytest.mark.parametrize("codec", Codec)
def test_every_code(codec: Codec) -> None:
    codes = bytes(range(256))
    wanted = g711.decode(np.frombuffer(codes, np.uint8), codec)
    np.testing.assert_array_equal(decoded(codes, codec), wanted)


def test_samples_may_be_held_in_any_way() -> None:
    wanted = coded(EVERY_SAMPLE[::2].copy())
    assert coded(EVERY_SAMPLE[::2]) == wanted
    assert coded(array("h", EVERY_SAMPLE[::2].tolist())) == wanted
    assert coded(memoryview(EVERY_SAMPLE[::2].tobytes()).cast("h")) == wanted


def test_what_is_no_samples_is_refused() -> None:
    with pytest.raises(TypeError, match="int16"):
        coded(memoryview(b"1234"))
    for pcm in (EVERY_SAMPLE[:0], EVERY_SAMPLE.reshape(2, -1)):
        with pytest.raises(ValueError, match="one channel"):
            coded(pcm)
