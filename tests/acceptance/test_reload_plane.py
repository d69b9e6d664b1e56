"""A reload onto a version that talks to media planes in another way: calls keep theirs to their end."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from acceptance import survival_pairs as pairs
from acceptance import survival_scenes as scenes
from acceptance.another_link import Installed, ReloadStage, build_newer
from acceptance.files import FileServer
from acceptance.harness import READY_S, Callee, Customer, Onhook, TrunkLine, lay_trunk
from acceptance.survival_scenes import Scene, next_said
from acceptance.talking import assert_joined
from acceptance.test_no_call_dies import each
from onhook.testing.call_log import How

SCENES = (
    scenes.play,
    scenes.gather_between_digits,
    scenes.record,
    scenes.hold_with_music,
    scenes.ending,
    scenes.ringing,
    scenes.dialling,
    scenes.answered_and_not_acknowledged,
    pairs.transfer_ringing,
    pairs.transfer_joined,
    pairs.conference_of_three,
    pairs.voice_call,
)
QUICK = (scenes.play, pairs.transfer_joined)


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_newer(tmp_path_factory.mktemp("newer"))


@pytest.fixture(scope="module")
def installed(newer: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed.make(tmp_path_factory.mktemp("installed"), newer)


@pytest.fixture(scope="module")
def server(installed: Installed) -> Iterator[Onhook]:
    """One for all scenes, which is reloaded onto the one version and the other in turn."""
    running = Onhook({"retry_schedule": "0.2"}, environment={"PYTHONPATH": str(installed.site)})
    yield running
    running.close()


@pytest.fixture(scope="module")
def line(server: Onhook) -> TrunkLine:
    return lay_trunk(server)


@pytest.fixture
def stage(
    customer: Customer, callee: Callee, files: FileServer, installed: Installed
) -> ReloadStage:
    log_before = len(customer.server.log)
    return ReloadStage(customer, callee, files, log_before=log_before, installed=installed)


@each(SCENES, QUICK)
async def test_it_goes_on(stage: ReloadStage, scene: Scene) -> None:
    await scene(stage)


async def test_new_calls_have_a_plane_of_their_own(stage: ReloadStage) -> None:
    """At once; and the old one ends by itself with the last call that it has."""
    server = stage.server
    await stage.one_plane()
    before = server.pid("plane")
    old, session = await stage.waiting()
    await stage.dies(old)
    assert server.pid("old-plane") == before
    assert server.pid("plane") != before
    new, its_session = await stage.waiting()
    await stage.through(old, new)
    await stage.heard_on(old)
    assert server.pid("old-plane") == before, "as long as one call has it"
    await stage.good_bye(old, session)
    await stage.one_plane()
    await stage.through(new)
    await stage.heard_on(new)
    await stage.good_bye(new, its_session)
    assert '"process_died"' not in server.log[stage.log_before :]


@pytest.mark.slow
async def test_an_old_call_is_passed_on_to_another_phone(stage: ReloadStage) -> None:
    """Whom it is joined to after the reload is in its plane, too."""
    call, session = await stage.waiting()
    async with stage.gap():
        pass
    number = stage.callee.another()
    await stage.customer.block("end/transfer", session, dest=number)
    peer = await stage.callee.phone.incoming(called=number)
    await peer.answer()
    await assert_joined(call, peer)
    await call.hang_up()
    assert (await peer.ended()).how is How.BYE_RECEIVED
    await stage.ended(session, "caller", "hangup", legs=2)


@pytest.mark.slow
async def test_another_reload_meanwhile(stage: ReloadStage, installed: Installed) -> None:
    """By the same version both planes stay; by a third way of talking to planes nothing is changed."""
    old, session = await stage.waiting()
    await stage.dies(old)
    new, its_session = await stage.waiting()
    planes = stage.server.pids("plane", "old-plane")
    switch = stage.server.pid("switch")
    status, printed = await installed.reload(stage.server)
    assert status == 0, printed
    assert stage.server.pid("switch") != switch
    assert stage.server.pids("plane", "old-plane") == planes
    switch = stage.server.pid("switch")
    installed.install_other()
    status, printed = await installed.reload(stage.server)
    installed.install_other()
    assert status == 1
    assert "Nothing was changed" in printed
    assert len(printed.splitlines()) == 1
    assert stage.server.pid("switch") == switch
    for call, its in ((old, session), (new, its_session)):
        await stage.through(call)
        await stage.heard_on(call)
        await stage.good_bye(call, its)
    await stage.one_plane()


async def test_the_switch_is_killed_meanwhile(stage: ReloadStage) -> None:
    """Calls of both planes go on, and nobody hears of it."""
    old, session = await stage.waiting()
    await stage.dies(old)
    new, its_session = await stage.waiting()
    planes = stage.server.pids("plane", "old-plane")
    await stage.server.kill_role("switch")
    assert stage.server.pids("plane", "old-plane") == planes
    for call, its in ((old, session), (new, its_session)):
        await stage.through(call)
        await stage.heard_on(call)
        await stage.good_bye(call, its)
    await stage.one_plane()


@pytest.mark.slow
@pytest.mark.parametrize("role", ["plane", "old-plane"])
async def test_a_plane_is_killed_meanwhile(stage: ReloadStage, role: str) -> None:
    """Its call goes on in the next one, and that in the other hears nothing of it."""
    old, session = await stage.waiting()
    await stage.dies(old)
    new, its_session = await stage.waiting()
    await stage.through(new)
    killed, spared = (old, new) if role == "old-plane" else (new, old)
    [before] = await stage.server.strike(role)
    await stage.server.serves(role, before)
    await stage.through(killed, spared)
    await stage.heard_on(spared)
    for call, its in ((old, session), (new, its_session)):
        await next_said(stage, call, its)
        await stage.good_bye(call, its)
    await stage.one_plane()


@pytest.mark.slow
async def test_switch_and_old_plane_are_killed_at_once(stage: ReloadStage) -> None:
    """The next switch has its call in another plane."""
    old, session = await stage.waiting()
    await stage.dies(old)
    server = stage.server
    before = server.pid("switch")
    await asyncio.gather(server.strike("switch"), server.strike("old-plane"))
    await server.serves("switch", before)
    await stage.through(old)
    await next_said(stage, old, session)
    await stage.good_bye(old, session)
    await stage.one_plane()


@pytest.mark.slow
async def test_a_room_has_members_in_both_planes(stage: ReloadStage) -> None:
    """They hear one another, whichever of the two the first came from, and go on to when the switch dies."""
    one, first = await stage.answered("end/transfer", dest="room:old")
    other, third = await stage.waiting()
    async with stage.gap():
        pass
    two, second = await stage.answered("end/transfer", dest="room:old")
    another, fourth = await stage.answered("end/transfer", dest="room:new")
    await stage.customer.block("end/transfer", third, dest="room:new")
    await assert_joined(one, two)
    await assert_joined(other, another)
    await stage.server.kill_role("switch")
    await assert_joined(one, two)
    await assert_joined(other, another)
    for call, session in ((one, first), (two, second), (other, third), (another, fourth)):
        await call.hang_up()
        await stage.ended(session, "caller", "hangup")
    await stage.one_plane()


@pytest.mark.parametrize("role", ["switch", pytest.param("plane", marks=pytest.mark.slow)])
async def test_a_version_that_is_installed_and_was_not_reloaded(
    stage: ReloadStage, installed: Installed, role: str
) -> None:
    """What dies is followed by what is on disk, which speaks with what has stayed by the plane's library."""
    server = stage.server
    await stage.one_plane()
    call, session = await stage.waiting()
    [before] = server.pids("spare")
    installed.install_other()
    await server.strike("spare")
    async with asyncio.timeout(READY_S):
        while not await asyncio.to_thread(_stands_by, server, before):
            await asyncio.sleep(0.05)
    await server.kill_role(role)
    await stage.through(call)
    if role == "switch":
        await stage.heard_on(call)
    await next_said(stage, call, session)
    await stage.good_bye(call, session)
    status, printed = await installed.reload(server)
    assert status == 0, printed
    await stage.one_plane()


def _stands_by(server: Onhook, before: int) -> bool:
    return any(
        one["role"] == "spare" and one["pid"] != before and one["ready"]
        for one in server.processes()
    )
