"""What ``make crash`` counts is what is lost: nothing where nothing is, and something where something is."""

import re

import pytest

from acceptance.lasting import Losses
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
    assert_understandable(rig, losses)


def assert_understandable(rig: LastingRig, losses: Losses) -> None:
    """Of what is missing it is said whose it was, and where and beside which kill; what passed is kept."""
    [missing, *_] = [one for one in losses.trouble if "packets lost: Books" in one]
    said = re.search(r"kill 1 \(switch\), \w+ (\S+): (?s:.*)packet (\d+), timestamp \d+", missing)
    assert said is not None, missing
    session, number = said.groups()
    assert session in losses.sessions
    assert "200 OK" in (rig.kept / f"trace-{session}").read_text()
    [heard] = rig.kept.glob(f"*-{session}-*")
    assert re.search(rf"^{number} \d+ ", heard.read_text(), re.MULTILINE)


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
