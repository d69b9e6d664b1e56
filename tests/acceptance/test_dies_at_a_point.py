"""The switch dies at a point that a test names: inside a commit, between an event and its write, while it
takes over. Calls go on as if it had died anywhere else."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from acceptance.accounts import HEADER
from acceptance.asking import OK, heard
from acceptance.files import FileServer
from acceptance.harness import Callee, Customer, Onhook, TrunkLine, lay_trunk
from acceptance.heard import fetch
from acceptance.survival import Stage
from acceptance.survival_scenes import all_said, beeped, next_is_heard, said_in_time, steps
from acceptance.talking import assert_joined, meet, says_in_time, until
from acceptance.unbroken import first_difference, known, payloads
from briefly import slow_but
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver

HOOKS = Path(__file__).with_name("dying")
POINTS = ("done", "uncommitted", "committed")
"""What came of an event was done, and not written; it stands in a transaction; it is on disk, and nobody
knows."""
LONG_S = 8
"""A message that still plays when the next switch is there, also on a slow machine."""
TRUSTED = {"trusted_peers": "127.0.0.1/32", "retry_schedule": "0.2"}


@dataclass
class Doomed:
    """A stage whose switch dies where the test says."""

    stage: Stage
    where: Path

    def arm(self, point: str, session: str = "") -> None:
        """The next switch that comes there dies."""
        self.where.write_text(f"{point} {session}")

    async def died(self, before: int) -> None:
        """Returns once it has, and the next one is there."""
        async with asyncio.timeout(60):
            while self.where.exists():
                await asyncio.sleep(0.01)
        await self.stage.server.serves("switch", before)

    async def repeated(self, path: str, key: str, **params: str) -> dict[str, Any]:
        """A request under this key, again and again until it is answered."""
        async with asyncio.timeout(60), self.stage.customer.api as api:
            while True:
                try:
                    reply = await api.request("POST", path, dict(params), headers={HEADER: key})
                    return reply.json
                except aiohttp.ClientError:
                    await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
def doomed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Onhook, Path]]:
    where = tmp_path_factory.mktemp("dies") / "at"
    environment = {"PYTHONPATH": str(HOOKS), "TEST_DIES_AT": str(where)}
    running = Onhook(TRUSTED, environment=environment)
    yield running, where
    running.close()


@pytest.fixture(scope="module")
def line(doomed_server: tuple[Onhook, Path]) -> TrunkLine:
    return lay_trunk(doomed_server[0])


@pytest.fixture
async def doomed(
    doomed_server: tuple[Onhook, Path],
    line: TrunkLine,
    receiver: Receiver,
    phone: Phone,
    files: FileServer,
) -> AsyncIterator[Doomed]:
    server, where = doomed_server
    customer = await Customer.make(server, receiver, phone)
    async with Phone(port=line.port) as one:
        stage = Stage(customer, Callee(one, line), files, log_before=len(server.log))
        yield Doomed(stage, where)


@pytest.mark.parametrize("point", slow_but(["uncommitted"], POINTS))
async def test_the_last_key_counts_once(doomed: Doomed, point: str) -> None:
    """The notification of it is told once, and the next block hears what is typed for it."""
    stage = doomed.stage
    call, session = await stage.answered("middle/gather", max_digits="2")
    before = stage.server.pid("switch")
    await call.send_digits("1")
    doomed.arm(point, session)
    await call.send_digits("2")
    await doomed.died(before)
    assert (await stage.receiver.next(session=session, ivr_block="gather"))["digits"] == "12"
    await stage.customer.block("middle/gather", session, max_digits="1")
    await call.send_digits("3")
    assert (await stage.receiver.next(session=session, ivr_block="gather"))["digits"] == "3"
    await stage.heard_on(call)
    await stage.good_bye(call, session)


@pytest.mark.parametrize("point", slow_but(["done"], POINTS))
async def test_a_key_in_the_middle_counts_once(doomed: Doomed, point: str) -> None:
    stage = doomed.stage
    call, session = await stage.answered("middle/gather", max_digits="3")
    before = stage.server.pid("switch")
    doomed.arm(point, session)
    await call.send_digits("1")
    await doomed.died(before)
    await call.send_digits("23")
    assert (await stage.receiver.next(session=session, ivr_block="gather"))["digits"] == "123"
    await stage.good_bye(call, session)


@pytest.mark.parametrize("point", slow_but(["committed"], POINTS))
async def test_a_caller_who_gives_up_is_told_of(doomed: Doomed, point: str) -> None:
    """Whoever has it on disk answers the CANCEL; before that it is repeated."""
    stage = doomed.stage
    call, told = await stage.customer.call()
    await call.ringing()
    before = stage.server.pid("switch")
    doomed.arm(point, told["session"])
    assert (await call.cancel(timeout_s=30)).how is How.CANCELLED
    await doomed.died(before)
    await stage.ended(told["session"], "caller", "cancelled")


@pytest.mark.parametrize("point", ["beeped", "recording"])
async def test_a_recording_that_has_just_begun_goes_on(doomed: Doomed, point: str) -> None:
    """Nothing is written of it, and what began it is told again: it is the same one, without a hole. It has
    all that the caller says right behind the beep."""
    await said_in_time(doomed.stage, lambda _: _recorded_from_its_begin(doomed, point))


async def _recorded_from_its_begin(doomed: Doomed, point: str) -> bool:
    stage = doomed.stage
    before = stage.server.pid("switch")
    message = known(2)
    call, session = await stage.answered("middle/record", msg=stage.says("before", message))
    doomed.arm(point)
    await beeped(call, len(message) // 160)
    in_time = await says_in_time(call, steps())
    await doomed.died(before)
    await call.send_digits("#")
    told = await stage.receiver.next(session=session, ivr_block="record")
    pcm, rate = await fetch(told["record_url"])
    await stage.heard_on(call)
    await stage.good_bye(call, session)
    return all_said(pcm, rate, in_time)


@pytest.mark.slow
async def test_a_recording_that_nobody_asks_for_again_leaves_nothing(doomed: Doomed) -> None:
    """Its request was not written, and is not made again: it waited behind a message, which is cut off."""
    stage = doomed.stage
    kept = stage.server.data / "recordings"
    call, session = await stage.waiting()
    before, files = stage.server.pid("switch"), set(kept.iterdir())
    doomed.arm("done", session)
    with suppress(aiohttp.ClientError):
        await stage.customer.post(
            "ivr/middle/record",
            session=session,
            notify_url=stage.receiver.url("/record"),
            msg=stage.says("unwritten", known(LONG_S, 600)),
        )
    assert set(kept.iterdir()) - files
    await doomed.died(before)
    await until(lambda: not set(kept.iterdir()) - files, "the end of what never began")
    await stage.heard_on(call)
    await stage.good_bye(call, session)


@pytest.mark.parametrize("point", slow_but(["committed"], POINTS))
async def test_a_request_is_carried_out_once(doomed: Doomed, point: str) -> None:
    """Whoever got no answer asks again under the same key; its end is told once."""
    stage = doomed.stage
    call, session = await stage.waiting()
    before = stage.server.pid("switch")
    asked = {
        "session": session,
        "notify_url": stage.receiver.url("/play"),
        "msg": stage.beep,
        "tag": "once",
    }
    doomed.arm(point, session)
    first = await doomed.repeated("ivr/middle/play", "k", **asked)
    await doomed.died(before)
    await stage.receiver.next(session=session, tag="once")
    assert [first, await doomed.repeated("ivr/middle/play", "k", **asked)] == [OK, OK]
    await stage.heard_on(call)
    await stage.good_bye(call, session)
    told = [one for one in stage.receiver.notifications if one.fields.get("session") == session]
    assert [one["tag"] for one in told].count("once") == 1


@pytest.mark.parametrize("point", slow_but(["second-uncommitted"], (*POINTS, "second-uncommitted")))
async def test_two_who_are_called_by_one_request_are_called_once(
    doomed: Doomed, point: str
) -> None:
    """Both of these calls are on disk with the reply, or neither is."""
    stage = doomed.stage
    numbers = [stage.callee.another(), stage.callee.another()]
    before = stage.server.pid("switch")
    doomed.arm(point)
    asked = {"dest": ",".join(numbers), "notify_url": stage.receiver.url("/conference")}
    reply = await doomed.repeated("conference/call", "k", **asked)
    await doomed.died(before)
    calls = [await stage.callee.phone.incoming(called=number) for number in numbers]
    for call in calls:
        await call.answer()
    await meet(calls)
    for call in calls:
        await call.hang_up()
    for reference in reply["txn_refs"]:
        await stage.receiver.next(txn_ref=reference, call_state="ended")
    assert sorted(call.called for call in stage.callee.calls) == sorted(numbers)


@pytest.mark.parametrize("point", slow_but(["done"], POINTS))
async def test_what_a_request_said_is_heard_once(doomed: Doomed, point: str) -> None:
    """It was being said when the switch died, and nothing was written of it: asked for again, it goes on."""
    stage, message = doomed.stage, known(LONG_S, 600)
    call, session = await stage.waiting()
    before = stage.server.pid("switch")
    doomed.arm(point, session)
    asked = {"session": session, "notify_url": stage.receiver.url("/play")}
    asked["msg"] = stage.says("once", message)
    assert await doomed.repeated("ivr/middle/play", "k", **asked) == OK
    await doomed.died(before)
    await stage.receiver.next(session=session, ivr_block="play", call_state="ongoing")
    stage.heard_whole(call, message)
    await stage.heard_on(call)
    await stage.good_bye(call, session)


@pytest.mark.parametrize(
    "point", slow_but(["done"], ["", "done", "committed", "second-uncommitted"])
)
async def test_last_words_are_over_for_the_second_switch_after_as_well(
    doomed: Doomed, point: str
) -> None:
    """Nothing is written of them, and they end; the next switch hears that, and dies: before it is asked for
    them again, or when it has written that, and not yet that they were heard."""
    stage, message = doomed.stage, known(0.4, 600)
    call, session = await stage.waiting()
    asked = {"session": session, "notify_url": stage.receiver.url("/end")}
    asked["msg"] = stage.says("last", message)
    before = await _dies_once_it_plays(doomed, "ivr/end/hangup", session, asked)
    await until(lambda: first_difference(payloads(call.recording.packets), message) is None, "it")
    if point:
        doomed.arm(point, session)
    else:
        await stage.server.kill_role("switch")
    assert await doomed.repeated("ivr/end/hangup", "k", **asked) == OK
    await doomed.died(before)
    assert (await call.ended()).how is How.BYE_RECEIVED
    await stage.ended(session, "application", "hangup")
    stage.heard_whole(call, message)


async def test_what_a_request_said_is_heard_once_through_two_deaths(doomed: Doomed) -> None:
    stage, message = doomed.stage, known(LONG_S, 600)
    call, session = await stage.waiting()
    asked = {"session": session, "notify_url": stage.receiver.url("/play")}
    asked["msg"] = stage.says("twice", message)
    await _dies_once_it_plays(doomed, "ivr/middle/play", session, asked)
    async with stage.gap():
        pass
    assert await doomed.repeated("ivr/middle/play", "k", **asked) == OK
    await stage.receiver.next(session=session, ivr_block="play", tag="")
    stage.heard_whole(call, message)
    await stage.heard_on(call)
    await stage.good_bye(call, session)


async def _dies_once_it_plays(
    doomed: Doomed, path: str, session: str, asked: dict[str, str]
) -> int:
    """A request has something said, and the switch dies before anything of it is written; whoever asks gets
    no answer. The process of the next one."""
    stage = doomed.stage
    before = stage.server.pid("switch")
    doomed.arm("done", session)
    with pytest.raises(aiohttp.ClientError):
        async with stage.customer.api as api:
            await api.request("POST", path, dict(asked), headers={HEADER: "k"})
    await doomed.died(before)
    return stage.server.pid("switch")


@pytest.mark.parametrize("point", slow_but(["uncommitted"], POINTS))
async def test_keys_that_a_request_sent_are_heard_once(doomed: Doomed, point: str) -> None:
    stage = doomed.stage
    call, session = await stage.waiting()
    before = stage.server.pid("switch")
    doomed.arm(point, session)
    asked = {"session": session, "notify_url": stage.receiver.url("/keys")}
    assert await doomed.repeated("ivr/middle/send_digits", "k", digits="12,34,5", **asked) == OK
    await doomed.died(before)
    await stage.receiver.next(session=session, ivr_block="send_digits")
    assert call.recording.digits() == "12345"
    await stage.heard_on(call)
    await stage.good_bye(call, session)


@pytest.mark.parametrize("point", slow_but(["done"], POINTS))
async def test_what_begins_with_the_ack_is_heard_once(doomed: Doomed, point: str) -> None:
    """The next switch has no record of the ACK, and asks for it again; by then the message is half over."""
    stage, message = doomed.stage, known(LONG_S, 900)
    call, told = await stage.customer.call(ack_delay_s=0.3)
    session, before = told["session"], stage.server.pid("switch")
    await stage.customer.block("middle/play", session, msg=stage.says("ack", message))
    await call.answered()
    doomed.arm(point, session)
    await doomed.died(before)
    await stage.receiver.next(session=session, ivr_block="play")
    stage.heard_whole(call, message)
    await stage.good_bye(call, session)


@pytest.mark.parametrize("point", slow_but(["uncommitted"], POINTS))
async def test_an_answer_is_the_same_whichever_process_gives_it(doomed: Doomed, point: str) -> None:
    """The 200 may have left without a record of it; the request for it comes again, and so does the 200."""
    stage = doomed.stage
    call, told = await stage.customer.call()
    session, before = told["session"], stage.server.pid("switch")
    await call.ringing()
    doomed.arm(point, session)
    url = stage.receiver.url("/gather")
    asked = {"session": session, "notify_url": url, "max_digits": "1"}
    assert (await doomed.repeated("ivr/middle/gather", "k", **asked))["status"] == "success_ok"
    await doomed.died(before)
    await call.answered()
    await stage.stands(call)
    await call.send_digits("6")
    assert (await stage.receiver.next(session=session, ivr_block="gather"))["digits"] == "6"
    await stage.heard_on(call)
    await stage.customer.block("end/hangup", session)  # billed from the answer that is on disk
    assert (await call.ended()).how is How.BYE_RECEIVED
    await stage.ended(session, "application", "hangup")
    assert call.complaints == []


@pytest.mark.parametrize("point", slow_but(["done"], POINTS))
async def test_whoever_comes_into_a_room_leaves_nobody_out_of_it(
    doomed: Doomed, point: str
) -> None:
    """The oldest call is in the room in the plane, and not in its record: the others are still in it."""
    stage = doomed.stage
    late, session = await stage.waiting()
    there = [await stage.answered("end/transfer", dest="room:kept") for _ in range(2)]
    calls = [call for call, _ in there]
    await meet(calls)
    before = stage.server.pid("switch")
    doomed.arm(point, session)
    asked = {"session": session, "dest": "room:kept", "notify_url": stage.receiver.url("/room")}
    reply = await doomed.repeated("ivr/end/transfer", "k", **asked)
    assert reply == {**OK, "room": "kept"}
    await doomed.died(before)
    await assert_joined(*calls)
    await assert_joined(late, calls[0])
    for call, told in [*there, (late, session)]:
        await call.hang_up()
        await stage.ended(told, "caller", "hangup")


async def test_a_room_outlives_whoever_cannot_be_taken_over(doomed: Doomed) -> None:
    """The first of its members is lost before the next switch has seen the others."""
    stage = doomed.stage
    members = [await stage.answered("end/transfer", dest="room:lost") for _ in range(3)]
    (lost, session), *others = members
    await meet([call for call, _ in members])
    doomed.arm("failing-half-adopted", session)
    async with stage.gap():
        pass
    assert (await lost.ended()).how is How.BYE_RECEIVED
    await stage.receiver.next(session=session, call_state="ended", cause="crash")
    await assert_joined(*(call for call, _ in others))
    for call, told in others:
        await call.hang_up()
        last = await stage.receiver.next(session=told, call_state="ended")
        assert (last["ended_by"], last["cause"]) == ("caller", "hangup")


async def test_a_recording_that_cannot_be_ended_ends_no_other_call(doomed: Doomed) -> None:
    """Its call cannot be taken over, and then it cannot, either: it is finished with what there is of it."""
    stage = doomed.stage
    lost, told = await stage.customer.call()
    session = told["session"]
    told_at = stage.receiver.url("/monitor")
    await stage.customer.block("middle/monitor", session, monitor_notify_url=told_at)
    other, goes_on = await stage.waiting()
    doomed.arm("failing-unadopted", f"{session}\nfailing-ending-recording")
    async with stage.gap():
        pass
    assert not doomed.where.exists()
    said = stage.server.log[stage.log_before :]
    assert [said.count(f'"{each}"') for each in ("recording_not_taken_over", "ready")] == [1, 1]
    assert '"reason": "RuntimeError"' in said
    assert (await lost.ended()).how is How.BYE_RECEIVED
    last = await stage.receiver.next(session=session, ivr_block="monitor", call_state="ended")
    assert last["cause"] == "crash"
    await fetch(last["monitor_url"])
    await next_is_heard(stage, other, goes_on)
    stage.log_before = len(stage.server.log)
    await stage.good_bye(other, goes_on)


@pytest.mark.parametrize("point", slow_but(["committed"], POINTS))
async def test_somebody_who_is_called_answers_once(doomed: Doomed, point: str) -> None:
    """Whoever answers in the instant says so again, until it is on disk."""
    stage = doomed.stage
    before = stage.server.pid("switch")
    call, session = await stage.dialled()
    doomed.arm(point, session)
    answer = asyncio.ensure_future(call.answer())
    await doomed.died(before)
    await answer
    await stage.receiver.next(session=session, dial_status="answered")
    await stage.stands(call)
    await next_is_heard(stage, call, session)
    await stage.good_bye(call, session)


@pytest.mark.parametrize("point", slow_but(["committed"], POINTS))
async def test_the_end_of_a_message_is_told_once(doomed: Doomed, point: str) -> None:
    stage = doomed.stage
    message = known(3, 800)
    call, session = await stage.answered("middle/play", msg=stage.says("end", message))
    before = stage.server.pid("switch")
    await heard(call, 10)
    doomed.arm(point, session)
    await doomed.died(before)
    await stage.receiver.next(session=session, ivr_block="play")
    stage.heard_whole(call, message)
    await stage.heard_on(call)
    await stage.good_bye(call, session)


@pytest.mark.parametrize(
    "point", slow_but(["adopting"], ["adopting", "adopted", "failing-adopted"])
)
async def test_who_takes_over_may_die_in_the_middle_of_it(doomed: Doomed, point: str) -> None:
    """Of two calls the first was taken over; or both, and nobody has heard of it. Or it fails, and
    unwinds."""
    stage = doomed.stage
    message = known(3, 400)
    one, first = await stage.answered("middle/play", msg=stage.says("long", message))
    two, second = await stage.answered("middle/gather", max_digits="2")
    await two.send_digits("4")
    await heard(one, 25)
    doomed.arm(point)
    async with stage.gap():
        await two.send_digits("2")
    assert not doomed.where.exists()
    assert (await stage.receiver.next(session=second, ivr_block="gather"))["digits"] == "42"
    await stage.receiver.next(session=first, ivr_block="play")
    stage.heard_whole(one, message)
    for call, session in ((one, first), (two, second)):
        await stage.heard_on(call)
        await stage.good_bye(call, session)
