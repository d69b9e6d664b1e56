import warnings
from collections.abc import Callable

import numpy as np
import pytest

from onhook.media.g711 import Codec, decode, encode

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

Transcode = Callable[[bytes, int], bytes]

ALL_SAMPLES = np.arange(-32768, 32768, dtype=np.int16)
ALL_CODES = np.arange(256, dtype=np.uint8)


@pytest.mark.parametrize(
    ("codec", "reference"), [(Codec.PCMU, audioop.lin2ulaw), (Codec.PCMA, audioop.lin2alaw)]
)
def test_every_sample_is_encoded_as_the_reference_does(codec: Codec, reference: Transcode) -> None:
    assert encode(ALL_SAMPLES, codec).tobytes() == reference(ALL_SAMPLES.tobytes(), 2)


@pytest.mark.parametrize(
    ("codec", "reference"), [(Codec.PCMU, audioop.ulaw2lin), (Codec.PCMA, audioop.alaw2lin)]
)
def test_every_code_is_decoded_as_the_reference_does(codec: Codec, reference: Transcode) -> None:
    assert decode(ALL_CODES, codec).tobytes() == reference(ALL_CODES.tobytes(), 2)


@pytest.mark.parametrize("codec", Codec)
def test_silence_is_the_code_of_zero(codec: Codec) -> None:
    assert encode(np.zeros(1, np.int16), codec)[0] == codec.silence


@pytest.mark.parametrize("codec", Codec)
def test_shape_is_kept(codec: Codec) -> None:
    assert encode(ALL_SAMPLES.reshape(256, 256), codec).shape == (256, 256)
    assert decode(ALL_CODES.reshape(16, 16), codec).shape == (16, 16)


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError):
        encode(np.zeros(4, np.float32), Codec.PCMU)
    with pytest.raises(TypeError):
        decode(np.zeros(4, np.int16), Codec.PCMU)


def test_samples_that_are_a_view_with_steps() -> None:
    stereo = np.column_stack([ALL_SAMPLES, ALL_SAMPLES[::-1]])
    left = encode(stereo[:, 0], Codec.PCMA)
    assert left.tobytes() == encode(ALL_SAMPLES, Codec.PCMA).tobytes()
