"""What the log is told of a trunk: changes, and not tries."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from structlog.testing import capture_logs

from onhook.calls.trunk_watch.keeper import TrunkKeeper
from onhook.phone import Trunk
from phone.peer import Line, Message, line


@asynccontextmanager
async def kept(**trunk: Any) -> AsyncIterator[tuple[Line, TrunkKeeper, list[str]]]:
    """A trunk that is looked after, in virtual time; and who is gone."""
    async with line() as on:
        gone: list[str] = []
        host, port = on.peer.address
        keeper = TrunkKeeper(
            Trunk(host, port, name="carrier", **trunk), "o1", on.endpoint,
            timers=on.clock, chance=lambda: 1.0, now=lambda: 1000.0 + on.clock.now_s,
            on_gone=lambda one: gone.append(one.name),
        )  # fmt: skip
        keeper.start()
        try:
            yield on, keeper, gone
        finally:
            keeper.abandon()


class Far:
    """The far side: repetitions of what it has seen do not count."""

    def __init__(self, on: Line) -> None:
        self._peer = on.peer
        self._seen: set[str] = set()

    async def asked(self, method: str) -> Message:
        """The next request that was not seen before."""
        while (request := await self._peer.receive())["CSeq"] in self._seen:
            pass
        assert request.start.startswith(method + " ")
        self._seen.add(request["CSeq"])
        return request

    async def answer(self, method: str, status: int, *headers: str) -> None:
        """Answers the next request, which was read when this returns."""
        request = await self.asked(method)
        names = ("via", "from", "to", "call-id", "cseq")
        lines = [one for one in request.lines if one.split(":")[0].lower() in names]
        self._peer.send("\r\n".join((f"SIP/2.0 {status} Whatever", *lines, *headers)) + "\r\n\r\n")
        await self.quiet()

    async def quiet(self) -> None:
        """Nothing new is on its way."""
        assert {one["CSeq"] for one in await self._peer.until_quiet()} <= self._seen


async def test_a_registration_that_fails_and_comes_back() -> None:
    with capture_logs() as logs:
        async with kept(register=True, username="shop") as (on, keeper, _):
            far = Far(on)
            await far.answer("REGISTER", 200, "Expires: 60")
            on.clock.advance(30)
            await far.answer("REGISTER", 503)
            on.clock.advance(4)
            await far.answer("REGISTER", 503)
            assert keeper.health.up(1000 + on.clock.now_s)
            on.clock.advance(8)
            await far.answer("REGISTER", 404)
            on.clock.advance(18)
            keeper.look()
            on.clock.advance(900)
            await far.answer("REGISTER", 200, "Expires: 60")
    told = [(one["event"], one.get("sip_code")) for one in logs if "trunk" in one]
    assert told == [
        ("trunk_registered", None),
        ("trunk_registration_failed", 503),
        ("trunk_registration_failed", 404),
        ("trunk_down", 404),
        ("trunk_up", None),
        ("trunk_registered", None),
    ]


async def test_a_trunk_that_is_asked() -> None:
    with capture_logs() as logs:
        async with kept(ping_s=30) as (on, keeper, gone):
            far = Far(on)
            await far.answer("OPTIONS", 405)
            for _ in range(3):
                on.clock.advance(30)
                await far.asked("OPTIONS")
                on.clock.advance(6)
            assert keeper.health.failures == 3
            on.clock.advance(30)
            await far.answer("OPTIONS", 200)
            keeper.end()
            assert gone == ["carrier"]
            on.clock.advance(300)
            await far.quiet()
    assert [one["event"] for one in logs if "trunk" in one] == ["trunk_down", "trunk_up"]
