import warnings

import numpy as np
import pytest

from onhook.testing import g711

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

ALL = bytes(range(256))
EXPAND = {"PCMU": audioop.ulaw2lin, "PCMA": audioop.alaw2lin}


@pytest.mark.parametrize("law", ["PCMU", "PCMA"])
def test_decoding_agrees_with_the_reference(law: str) -> None:
    reference = np.frombuffer(EXPAND[law](ALL, 2), dtype=np.int16)
    assert np.array_equal(g711.decode(law, ALL), reference)


@pytest.mark.parametrize("law", ["PCMU", "PCMA"])
def test_encoding_picks_the_nearest_level(law: str) -> None:
    samples = np.arange(-32768, 32768, dtype=np.int32)
    heard = g711.decode(law, g711.encode(law, samples.astype(np.int16))).astype(np.int32)
    levels = np.sort(g711.decode(law, ALL).astype(np.int32))
    at = np.clip(np.searchsorted(levels, samples), 1, 255)
    nearest = np.minimum(abs(levels[at] - samples), abs(samples - levels[at - 1]))
    assert np.array_equal(abs(heard - samples), nearest)


@pytest.mark.parametrize("law", ["PCMU", "PCMA"])
def test_every_code_survives(law: str) -> None:
    again = g711.encode(law, g711.decode(law, ALL))
    same = [a == b for a, b in zip(ALL, again, strict=True)]
    assert same.count(False) == (1 if law == "PCMU" else 0)  # mu-law has a second zero, 0x7f


@pytest.mark.parametrize(("law", "code"), [("PCMU", b"\xff"), ("PCMA", b"\xd5")])
def test_silence_is_the_code_of_phones(law: str, code: bytes) -> None:
    assert g711.encode(law, np.zeros(1, dtype=np.int16)) == code == bytes([g711.SILENCE[law]])
