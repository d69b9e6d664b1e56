"""What ``make crash`` counts is what is lost: nothing where nothing is, and something where something is."""

import random
import re
import time
from pathlib import Path

import pytest

from acceptance.asking import heard
from acceptance.files import FileServer
from acceptance.harness import Callee, Customer
from acceptance.lasting import Life, Losses, World
from acceptance.lasting_rig import LastingRig
from acceptance.unbroken import known


@pytest.mark.slow
async def test_nothing_is_lost_by_a_switch_that_stands_still() -> None:
    async with LastingRig(seed=3, role="pause", calls=12) as rig:
        losses = await rig.run(4)
    assert losses.clean, str(losses)
    assert losses.calls.total() > 12
    assert losses.packets > 1000
    assert len(losses.answered_s) == 4
    assert not rig.kept.exists()


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


@pytest.mark.slow
async def test_what_has_arrived_is_counted_though_who_counts_stands_still(
    customer: Customer, callee: Callee, files: FileServer, tmp_path: Path
) -> None:
    """It is told of the end of a message before it has read that: no more than 64 packets at a time."""
    phones, message = {"udp": customer.phone}, known(12.0)
    world = World(customer, callee, files, phones, random.Random(3), tmp_path)
    life = await Life.up(world, "middle/play", msg=world.says("long", message))
    await heard(life.call, 25)
    time.sleep(12.5)  # noqa: ASYNC251 - nothing else may happen
    await life.hears_of(ivr_block="play")
    await life.heard(message)
    await life.leaves()
    assert world.losses.clean, str(world.losses)
