"""What a recording that is cut anywhere does to a message."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from onhook.media.edges import FADE_SAMPLES, NEAR_ZERO, without_clicks
from onhook.media.g711 import FRAME_BYTES, Codec, decode
from onhook.media.play_queue import Playable
from onhook.media.prompt import Prompt

STEP = 8000


def level(value: int, frames: int) -> Prompt:
    return Prompt.of(np.full(frames * FRAME_BYTES, value, np.int16))


def heard(prompts: Sequence[Playable], codec: Codec) -> NDArray[np.int16]:
    coded = b"".join(
        bytes(prompt.file.read(codec, prompt.first, prompt.frame_count)) for prompt in prompts
    )
    return decode(np.frombuffer(coded, np.uint8), codec)


@pytest.mark.parametrize("codec", Codec)
@pytest.mark.parametrize("lengths", [(1,), (2,), (3,), (1, 1), (4, 1, 2)])
def test_a_message_begins_and_ends_without_a_step(codec: Codec, lengths: tuple[int, ...]) -> None:
    prompts = [level(STEP, frames) for frames in lengths]
    before = heard(prompts, codec)
    after = heard(without_clicks(prompts), codec)
    assert len(after) == len(before)
    edged = np.concatenate([[0], after, [0]]).astype(int)
    assert np.abs(np.diff(edged)).max() < STEP / 8
    inside = slice(FADE_SAMPLES, -FADE_SAMPLES)
    np.testing.assert_array_equal(after[inside], before[inside])


@pytest.mark.parametrize("codec", Codec)
def test_where_two_recordings_join_nothing_is_touched(codec: Codec) -> None:
    prompts = [level(STEP, 2), level(-STEP, 2)]
    joint = slice(FADE_SAMPLES, -FADE_SAMPLES)
    after = heard(without_clicks(prompts), codec)
    np.testing.assert_array_equal(after[joint], heard(prompts, codec)[joint])


def test_what_has_no_step_is_played_as_it_is() -> None:
    prompts = [level(0, 1), level(STEP, 3), level(100, 1)]
    assert list(without_clicks(prompts)) == prompts
    assert list(without_clicks([])) == []
    assert len(without_clicks([level(STEP, 3)], more=True)) == 2
    wave = (STEP * np.sin(np.arange(800) * np.pi / 40)).astype(np.int16)
    tone = Prompt.of(wave)
    [untouched, last] = without_clicks([tone])  # its last sample is not near zero
    assert (untouched.frame_count, last.frame_count) == (4, 1)


@pytest.mark.parametrize("value", [0, 400, -400, 499, 520, -600, 32767, -32768])
def test_what_a_step_is(value: int) -> None:
    faded = len(without_clicks([level(value, 3)])) > 1
    coded = heard([level(value, 1)], Codec.PCMU)[0]
    assert faded == (abs(int(coded)) > NEAR_ZERO)


def test_a_long_recording_is_not_copied() -> None:
    prompt = level(STEP, 100)
    parts = without_clicks([prompt])
    assert parts[1].file is prompt.file
    assert (parts[1].first, parts[1].frame_count) == (1, 98)
