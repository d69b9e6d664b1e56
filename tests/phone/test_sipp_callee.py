"""SIPp, a SIP implementation that is not ours, as who is called."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

import pytest

from onhook.phone import RemoteMedia, ShownCaller, SipCause, SipEndpoint, Trunk
from phone.peer import PATIENCE_S, Dialler
from sipp_run import PATH_OF_SIPP, SCENARIOS, SippCallee, sipp_callee

pytestmark = pytest.mark.skipif(PATH_OF_SIPP is None, reason="sipp is not installed")

Script = Callable[[Dialler, SippCallee], Awaitable[None]]
CALLS = 3
"""At once."""


async def refused(dialler: Dialler, status: int) -> None:
    cause = await dialler.until("failed")
    assert isinstance(cause, SipCause)
    assert cause.status == status


async def busy(dialler: Dialler, _: SippCallee) -> None:
    await refused(dialler, 486)
    assert dialler.names == ["progressed", "failed"]


async def moved(dialler: Dialler, _: SippCallee) -> None:
    await refused(dialler, 302)
    assert dialler.names == ["failed"]


async def hung_up(dialler: Dialler, callee: SippCallee, acks: int = 3, byes: int = 0) -> None:
    """Hang up when all is done that comes before that: of each call so many ACKs have been seen, and so
    many BYEs answered."""
    assert isinstance(await dialler.until("answered"), RemoteMedia)
    async with asyncio.timeout(PATIENCE_S):
        while callee.seen("ACK") < acks * CALLS or callee.answered("BYE") < byes * CALLS:
            await asyncio.sleep(0.01)
    dialler.call.hangup()
    assert await dialler.until("hangup_done") == SipCause(200)


async def taken_back(dialler: Dialler, _: SippCallee) -> None:
    await dialler.until("progressed")
    dialler.call.hangup()
    await refused(dialler, 487)
    assert dialler.names == ["progressed", "failed"]


async def forked(dialler: Dialler, callee: SippCallee) -> None:
    await hung_up(dialler, callee, acks=2, byes=1)
    early = [detail for name, detail in dialler.heard if name == "progressed"]
    assert [code for code, _ in early] == [180, 183]  # type: ignore[misc, has-type]


async def reliable(dialler: Dialler, callee: SippCallee) -> None:
    await hung_up(dialler, callee, acks=1)
    assert dialler.names == ["progressed", "progressed", "answered", "hangup_done"]


async def glare(dialler: Dialler, callee: SippCallee) -> None:
    await dialler.until("media_moved")
    await hung_up(dialler, callee)
    assert dialler.names == ["progressed", "answered", "media_moved", "hangup_done"]


async def crossed(dialler: Dialler, _: SippCallee) -> None:
    """Either the answer to our BYE or the callee's own comes first; we hear of one end."""
    await dialler.until("answered")
    dialler.call.hangup()
    await dialler.until("hangup_done")
    assert dialler.names == ["answered", "hangup_done"]


SCRIPTS: dict[str, Script] = {
    "uas_busy": busy,
    "uas_302": moved,
    "uas_forked_18x": forked,
    "uas_401_407": hung_up,
    "uas_late_200_after_cancel": taken_back,
    "uas_retransmit_200": hung_up,
    "uas_glare": glare,
    "uas_reliable": reliable,
    "uas_bye_crossing": crossed,
}


def test_every_scenario_is_tested() -> None:
    assert {path.stem for path in SCENARIOS.glob("uas_*.xml")} == set(SCRIPTS)


async def call(
    callee: SippCallee,
    script: Script,
    calls: int,
    tcp: bool = False,
) -> None:
    """Make some calls at once, each of which does as the script says."""
    endpoint = SipEndpoint(on_call=lambda call: None, trusted_peers=())
    await endpoint.start("127.0.0.1", 0)
    try:
        host, port = callee.address
        transport: Literal["udp", "tcp"] = "tcp" if tcp else "udp"
        trunk = Trunk(host, port, transport, username="onhook", password="s3cret")
        diallers = [Dialler() for _ in range(calls)]
        for dialler in diallers:
            dialler.call = endpoint.dial(
                trunk, "+6591112222", ShownCaller("+6531234567"),
                ip="127.0.0.1", port=20000, listener=dialler,
            )  # fmt: skip
        await asyncio.gather(*(script(dialler, callee) for dialler in diallers))
        result = await callee.result()
        assert result.passed, result.log
        assert (result.ok, result.failed) == (calls, 0)
        assert endpoint.live_calls == 0
    finally:
        await endpoint.close()


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize("scenario", SCRIPTS)
async def test_a_scenario_passes(scenario: str, tcp: bool) -> None:
    async with sipp_callee(scenario, calls=CALLS, timeout_s=60, tcp=tcp) as callee:
        await call(callee, SCRIPTS[scenario], calls=CALLS, tcp=tcp)


async def test_a_scenario_fails_on_another_call() -> None:
    """A caller that hangs up while it rings is not one that hears of a busy phone."""
    async with sipp_callee("uas_retransmit_200", timeout_s=3) as callee:
        with pytest.raises(AssertionError, match="sipp ended with"):
            await call(callee, wrong, calls=1)


async def wrong(dialler: Dialler, _: SippCallee) -> None:
    await dialler.until("answered")
    dialler.call.hangup()
    await dialler.until("hangup_done")
