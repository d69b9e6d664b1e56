"""What ``make crash`` counts is what is lost: nothing where nothing is, and something where something is."""

import pytest

from acceptance.lasting_rig import LastingRig


@pytest.mark.slow
async def test_nothing_is_lost_by_a_switch_that_stands_still() -> None:
    async with LastingRig(seed=3, role="pause", calls=12) as rig:
        losses = await rig.run(4)
    assert losses.clean, str(losses)
    assert losses.calls.total() > 12
    assert losses.packets > 1000
    assert len(losses.answered_s) == 4


@pytest.mark.slow
async def test_a_plane_that_keeps_no_audio_loses_sound_and_is_caught() -> None:
    async with LastingRig(seed=3, calls=6, settings={"keep_audio_s": "0"}) as rig:
        losses = await rig.run(1)
    assert not losses.clean
    assert losses.packets_lost > 0, str(losses)


@pytest.mark.slow
async def test_whoever_listens_hears_all_of_it_through_a_kill() -> None:
    async with LastingRig(seed=3, calls=2, listening=12) as rig:
        losses = await rig.run(2)
    assert losses.clean, str(losses)
    assert losses.calls["listening"] == 12


@pytest.mark.slow
async def test_who_listens_to_a_plane_that_keeps_no_audio_is_counted() -> None:
    async with LastingRig(seed=3, calls=0, listening=6, settings={"keep_audio_s": "0"}) as rig:
        losses = await rig.run(1)
    assert not losses.clean
    assert losses.packets_lost + losses.calls_lost > 0, str(losses)
