"""No call dies with the process that steers it: the switch is killed in every block and state of a call."""

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from acceptance import survival_moments as moments
from acceptance import survival_pairs as pairs
from acceptance import survival_scenes as scenes
from acceptance.files import FileServer
from acceptance.harness import Callee, Customer, Onhook, TrunkLine, lay_trunk
from acceptance.survival import TRUSTED, Stage
from acceptance.survival_scenes import Scene
from acceptance.test_calls_by_trunk import PASSWORD, USER
from onhook.cli import trunks
from phone.authority import Authority

SCENES = (
    scenes.waiting,
    scenes.play,
    scenes.play_heard_out_meanwhile,
    scenes.gather_before_digits,
    scenes.gather_between_digits,
    scenes.gather_done_meanwhile,
    scenes.digits_typed_ahead,
    scenes.send_digits,
    scenes.record,
    scenes.record_before_the_beep,
    scenes.record_from_the_beep,
    scenes.monitor,
    scenes.monitor_before_the_ack,
    scenes.hold_with_music,
    scenes.hold_with_a_message,
    scenes.ending,
    scenes.ending_heard_out_meanwhile,
    scenes.ringing,
    scenes.ringing_and_given_up,
    scenes.dialling,
    scenes.dialling_and_busy,
    scenes.dialling_and_busy_at_last,
    scenes.called_and_answered,
    scenes.answered_and_not_acknowledged,
    scenes.bye_under_way,
    scenes.hung_up_meanwhile,
    pairs.transfer_ringing,
    pairs.transfer_ringing_and_busy,
    pairs.transfer_ringing_and_given_up,
    pairs.transfer_joined,
    pairs.transfer_joined_and_left,
    pairs.transfer_with_a_peer_on_hold,
    pairs.transfer_forced,
    pairs.conference_of_three,
    pairs.voice_call,
    pairs.voice_call_ringing,
    pairs.encrypted,
    pairs.over_tcp,
    pairs.over_tls,
    pairs.by_digest,
    moments.preparing,
    moments.preparing_while_it_rings,
    moments.preparing_and_given_up,
    moments.last_words_being_prepared,
    moments.dial_that_is_taken_back,
    moments.early_media,
    moments.caller_on_hold,
    moments.caller_moves,
    moments.keys_by_info,
    moments.transfer_with_a_message,
    moments.room_with_a_message,
    moments.keys_behind_a_message,
    moments.unhold_at_once,
)
QUICK = (
    scenes.gather_between_digits,
    scenes.record_from_the_beep,
    scenes.monitor_before_the_ack,
    scenes.ending_heard_out_meanwhile,
    scenes.dialling,
    scenes.answered_and_not_acknowledged,
    pairs.transfer_joined,
    pairs.conference_of_three,
)
"""Those of them that differ most: the others are slow."""


def each(chosen: Sequence[Scene], quick: Sequence[Scene] = ()) -> pytest.MarkDecorator:
    """A test for each of these scenes, slow but for the quick ones."""
    marked = (
        pytest.param(one, id=one.__name__, marks=[] if one in quick else [pytest.mark.slow])
        for one in chosen
    )
    return pytest.mark.parametrize("scene", list(marked))


@pytest.fixture(scope="module")
def server() -> Iterator[Onhook]:
    """One for all scenes: its switch dies with each."""
    issued = Authority(Path(tempfile.mkdtemp(prefix="onhook-scenes-"))).issue("onhook.test")
    settings = {
        "sip": "127.0.0.1:0,tls:127.0.0.1:0",
        "sip_cert": issued.certificate,
        "sip_key": issued.key,
        "trusted_peers": ",".join(f"{host}/32" for host in TRUSTED),
        "retry_schedule": "0.2",
    }
    running = Onhook(settings)
    yield running
    running.close()


@pytest.fixture(scope="module")
def line(server: Onhook) -> TrunkLine:
    """A trunk to a phone, and one that is known by its password."""
    branch = trunks.Given(
        "branch", "127.0.0.7:5060", inbound="digest", username=USER, password=PASSWORD
    )
    asyncio.run(trunks.add(server.data, branch))
    return lay_trunk(server)


@pytest.fixture
def stage(customer: Customer, callee: Callee, files: FileServer) -> Stage:
    return Stage(customer, callee, files, log_before=len(customer.server.log))


@each(SCENES, QUICK)
async def test_it_goes_on(stage: Stage, scene: Scene) -> None:
    await scene(stage)


@each(SCENES)
async def test_who_adopted_it_dies_too(stage: Stage, scene: Scene) -> None:
    stage.kills = 3
    await scene(stage)


@each(SCENES)
async def test_a_switch_that_stood_still_loses_nothing(stage: Stage, scene: Scene) -> None:
    """Nobody else could take over meanwhile, so this also says that scenes ask for nothing impossible."""
    stage.kills = 0
    await scene(stage)
