"""SIPp, a SIP implementation that is not ours, as the caller and as who is called.

Whatever a scenario does: the application hears of each session what it should, once, and nothing is
left in the server.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from itertools import cycle, product

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from acceptance.asking import OK
from acceptance.files import BEEP, LONG, FileServer, wav
from acceptance.harness import Customer, Onhook, TrunkLine, lay_trunk
from briefly import slow_but
from onhook.testing.call_log import How
from onhook.testing.phone_call import PhoneCall
from onhook.testing.receiver import Notification
from onhook.testing.tones import tone
from sipp_run import SippCallee, run_sipp, sipp_callee

UNKNOWN = "+6599999998"
PREFIX = "+6592"
BLOCKS = ["play", "gather"]
PATIENCE_S = 60.0
"""How long SIPp goes on where something does not come."""


@pytest.fixture
async def emptied(server: Onhook) -> AsyncIterator[None]:
    """No call, no stream and no port is left when the test is over."""
    yield
    async with asyncio.timeout(2 * PATIENCE_S), aiohttp.ClientSession() as http:
        while left := await _left(http, server):
            await asyncio.sleep(0.05)
            assert server.process.poll() is None, left


async def _left(http: aiohttp.ClientSession, server: Onhook) -> dict[str, float]:
    async with http.get(f"{server.url}/metrics") as reply:
        text = await reply.text()
    names = ("onhook_calls", "onhook_media_streams", "onhook_media_ports_used")
    samples = (one for family in text_string_to_metric_families(text) for one in family.samples)
    return {
        f"{one.name}{one.labels}": one.value for one in samples if one.name in names and one.value
    }


pytestmark = pytest.mark.usefixtures("emptied")


class Sessions:
    """What was told of each session, in order: the block, the state and who ended it."""

    def __init__(self) -> None:
        self.told: dict[str, list[tuple[str, str, str]]] = {}
        self.last: dict[str, Notification] = {}

    def note(self, told: Notification) -> None:
        heard = (told.get("ivr_block") or "", told["call_state"], told.get("ended_by") or "")
        self.told.setdefault(told["session"], []).append(heard)
        self.last[told["session"]] = told

    async def ended(self, calls: int) -> None:
        """Returns when so many sessions have ended."""
        async with asyncio.timeout(PATIENCE_S):
            while sum(told["call_state"] == "ended" for told in self.last.values()) < calls:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)

    def assert_all(self, *told: tuple[str, str, str]) -> None:
        assert {tuple(heard) for heard in self.told.values()} == {told}


# As the caller ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scenario", "calls"),
    [
        ("server_bye", 10),
        ("repeated_invite", 3),
        ("late_ack", 3),
        ("caller_bye", 10),
        ("cancel_ringing", 10),
        ("unknown_number", 5),
        ("no_common_codec", 5),
        ("options", 5),
    ],
)
async def test_scenario(customer: Customer, scenario: str, calls: int) -> None:
    async def application(told: Notification) -> None:
        if told["call_state"] == "ringing" and scenario != "cancel_ringing":
            message = "Good bye." if scenario != "caller_bye" else "This takes a while. " * 5
            done = await customer.hangup(told["session"], msg=message)
            assert done["status"] == "success_ok"

    customer.receiver.handler = application
    number = UNKNOWN if scenario == "unknown_number" else customer.number
    result = await run_sipp(
        scenario, customer.server.sip, calls=calls, rate=10, number=number, timeout_s=PATIENCE_S
    )
    assert result.passed, result.log
    assert result.ok == calls


def steer(customer: Customer, block: str, params: Mapping[str, str]) -> Sessions:
    """An application that begins a block while it rings, and hangs up when that is over."""
    sessions = Sessions()
    url = customer.receiver.url("/told")

    async def application(told: Notification) -> None:
        sessions.note(told)
        session = told["session"]
        if told["call_state"] == "ringing":
            await customer.block(f"middle/{block}", session, **params)
        elif told["call_state"] == "ongoing":
            assert await customer.hangup(session, notify_url=url) == OK

    customer.receiver.handler = application
    return sessions


def crossed(*quick: tuple[str, str]) -> pytest.MarkDecorator:
    """Each of these scenarios with each block; with another one than here it is slow."""
    every = product([scenario for scenario, _ in quick], BLOCKS)
    return pytest.mark.parametrize(("scenario", "block"), slow_but(quick, every))


def short(block: str, files: FileServer, scenario: str) -> dict[str, str]:
    """Parameters with which a block is over within a second; or within some, if much is done meanwhile."""
    sound = BEEP if scenario != "glare" else wav(tone(1000, 3000))
    beep = f"<url>{files.serve('beep.wav', sound)}</url>"
    return {"msg": beep} if block == "play" else {"msg": beep, "timeout": "1"}


def long(block: str, files: FileServer) -> dict[str, str]:
    """Parameters with which it takes half a minute and more."""
    message = f"<url>{files.serve('long.wav', LONG)}</url>"
    return {"msg": message} if block == "play" else {"msg": message, "timeout": "60"}


@crossed(
    ("late_ack", "play"), ("lost_ack", "gather"), ("glare", "play"), ("bye_crossing", "gather")
)
async def test_a_block_runs_to_its_end_and_the_application_hangs_up(
    customer: Customer, files: FileServer, scenario: str, block: str
) -> None:
    sessions = steer(customer, block, short(block, files, scenario))
    result = await run_sipp(
        scenario,
        customer.server.sip,
        calls=3,
        rate=10,
        number=customer.number,
        timeout_s=PATIENCE_S,
    )
    assert result.passed, result.log
    await sessions.ended(3)
    sessions.assert_all(
        ("answer", "ringing", ""), (block, "ongoing", ""), ("hangup", "ended", "application")
    )


@crossed(("caller_bye", "play"), ("bye_twice", "gather"), ("cancel_crossing", "play"))
async def test_the_caller_hangs_up_in_the_middle_of_a_block(
    customer: Customer, files: FileServer, scenario: str, block: str
) -> None:
    sessions = steer(customer, block, long(block, files))
    result = await run_sipp(
        scenario,
        customer.server.sip,
        calls=3,
        rate=10,
        number=customer.number,
        timeout_s=PATIENCE_S,
    )
    assert result.passed, result.log
    await sessions.ended(3)
    sessions.assert_all(("answer", "ringing", ""), (block, "ended", "caller"))


@pytest.mark.slow
async def test_the_ack_never_comes(customer: Customer, files: FileServer) -> None:
    """Nothing begins without it, so it costs nothing, and the server hangs up after 32 s."""
    sessions = steer(customer, "play", long("play", files))
    result = await run_sipp(
        "no_ack",
        customer.server.sip,
        calls=3,
        rate=10,
        number=customer.number,
        timeout_s=2 * PATIENCE_S,
    )
    assert result.passed, result.log
    await sessions.ended(3)
    sessions.assert_all(("answer", "ringing", ""), ("play", "ended", "system"))
    assert {told["cause"] for told in sessions.last.values()} == {"no_ack"}
    assert {told["duration"] for told in sessions.last.values()} == {"0"}


# As who is called -------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def sipp_line(server: Onhook) -> TrunkLine:
    """A trunk that leads to SIPp, with the credentials that its scenarios ask for."""
    return lay_trunk(server, prefix=PREFIX, username="onhook", password="s3cret")


UNREACHED = {"uas_busy": "busy", "uas_302": "failed", "uas_late_200_after_cancel": "unanswered"}
ANSWERED = {
    "uas_forked_18x": 2,
    "uas_401_407": 3,
    "uas_retransmit_200": 3,
    "uas_glare": 3,
    "uas_bye_crossing": 1,
}
"""And how many ACKs have been sent and received when all is done that comes before the BYE."""
numbers: Callable[[], str] = map("{:06d}".format, range(100_000, 1_000_000)).__next__


def ring_time(scenario: str) -> dict[str, str]:
    """What makes the server take its call back, where the scenario is about that."""
    return {"ring_time": "1"} if "cancel" in scenario else {}


async def dialled(customer: Customer, sessions: Sessions, scenario: str) -> str:
    """The session of a call that the application places."""

    async def application(told: Notification) -> None:
        sessions.note(told)

    customer.receiver.handler = application
    params = {"dest": PREFIX + numbers(), "notify_url": customer.receiver.url("/dial")}
    reply = await customer.post("ivr/start/dial", **params, **ring_time(scenario))
    assert reply["status"] == "success_ok"
    return reply["session"]


async def until(sessions: Sessions, session: str, state: str) -> Notification:
    """What was told last of a session, once it is in this state."""
    async with asyncio.timeout(PATIENCE_S):
        while session not in sessions.last or sessions.last[session]["call_state"] != state:
            await asyncio.sleep(0.02)
    return sessions.last[session]


async def up(callee: SippCallee, scenario: str) -> None:
    """The callee has nothing left to do but to hang up, or to be hung up on."""
    byes = 1 if scenario == "uas_forked_18x" else 0  # to the phone that answered second
    async with asyncio.timeout(PATIENCE_S):
        while callee.seen("ACK") < ANSWERED[scenario] or callee.answered("BYE") < byes:
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)  # in which it would be heard of, or be over


@pytest.mark.parametrize("scenario", UNREACHED)
async def test_a_dialled_callee_is_not_reached(
    customer: Customer, sipp_line: TrunkLine, scenario: str
) -> None:
    sessions = Sessions()
    async with sipp_callee(scenario, port=sipp_line.port) as callee:
        session = await dialled(customer, sessions, scenario)
        told = await until(sessions, session, "ended")
        result = await callee.result()
    assert result.passed, result.log
    assert (told["dial_status"], told["debit"]) == (UNREACHED[scenario], "0.000")
    assert [block for block, _, _ in sessions.told[session]] == ["dial"]


@crossed(*zip(ANSWERED, cycle(BLOCKS), strict=False))
async def test_a_dialled_callee_answers_and_is_hung_up_on(
    customer: Customer, files: FileServer, sipp_line: TrunkLine, scenario: str, block: str
) -> None:
    sessions, over = Sessions(), customer.receiver.url("/over")
    async with sipp_callee(scenario, port=sipp_line.port) as callee:
        session = await dialled(customer, sessions, scenario)
        await until(sessions, session, "ongoing")
        await customer.block(f"middle/{block}", session, **long(block, files))
        await up(callee, scenario)
        assert await customer.hangup(session, force="enabled", notify_url=over) == OK
        told = await until(sessions, session, "ended")
        result = await callee.result()
    assert result.passed, result.log
    assert told["ended_by"] == "application"
    blocks = [heard[:2] for heard in sessions.told[session]]
    assert blocks == [("dial", "ongoing"), ("hangup", "ended")]


async def transferred(
    customer: Customer, sessions: Sessions, scenario: str, **params: str
) -> tuple[PhoneCall, str]:
    """A phone whose call is passed on to SIPp, and its session."""
    call, ringing = await customer.call()

    async def application(told: Notification) -> None:
        sessions.note(told)

    customer.receiver.handler = application
    more = {**params, **ring_time(scenario)}
    await customer.block("end/transfer", ringing["session"], dest=PREFIX + numbers(), **more)
    return call, ringing["session"]


@pytest.mark.parametrize("scenario", UNREACHED)
async def test_whom_the_call_is_passed_on_to_is_not_reached(
    customer: Customer, sipp_line: TrunkLine, scenario: str
) -> None:
    """The application has the call again, and the caller hears of nothing."""
    sessions, over = Sessions(), customer.receiver.url("/over")
    async with sipp_callee(scenario, port=sipp_line.port) as callee:
        call, session = await transferred(customer, sessions, scenario, on_failure="continue")
        told = await until(sessions, session, "ongoing")
        assert told["transfer_status"] == UNREACHED[scenario]
        result = await callee.result()
        assert result.passed, result.log
        assert not call.is_over()
        assert await customer.hangup(session, notify_url=over) == OK
        await until(sessions, session, "ended")
    assert [heard[:2] for heard in sessions.told[session]] == [
        ("transfer", "ongoing"),
        ("hangup", "ended"),
    ]


@pytest.mark.parametrize("scenario", ANSWERED)
async def test_whom_the_call_is_passed_on_to_answers_and_the_caller_hangs_up(
    customer: Customer, sipp_line: TrunkLine, scenario: str
) -> None:
    sessions = Sessions()
    async with sipp_callee(scenario, port=sipp_line.port) as callee:
        call, session = await transferred(customer, sessions, scenario)
        await call.answered()
        await up(callee, scenario)
        assert sessions.told == {}
        assert not call.is_over()
        assert (await call.hang_up()).how is How.BYE_SENT
        told = await until(sessions, session, "ended")
        result = await callee.result()
    assert result.passed, result.log
    assert (told["transfer_status"], told["ended_by"]) == ("answered", "caller")
    assert len(sessions.told[session]) == 1
