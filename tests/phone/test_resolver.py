"""Trunks that are named: found off the loop, once for a burst, and within a deadline."""

import asyncio
import threading

import pytest
from structlog.testing import capture_logs

from onhook.phone import SipCause
from onhook.phone.locating.dns import DnsNames
from onhook.phone.locating.locator import Locator
from onhook.phone.locating.names import Found
from onhook.phone.resolver import MAX_KEPT, HostResolver, first_address
from phone.peer import Callee, line

UNKNOWN = SipCause(503, None, "the host of the trunk is not known")


def resolved(resolver: HostResolver, host: str) -> asyncio.Future[str | None]:
    heard: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
    resolver.resolve(host, heard.set_result)
    assert not heard.done()
    return heard


async def test_a_burst_asks_once_and_what_was_found_is_kept() -> None:
    asked: list[str] = []

    def look_up(host: str) -> str:
        asked.append(host)
        return "192.0.2.1"

    resolver = HostResolver(look_up)
    burst = [resolved(resolver, "trunk.example") for _ in range(5)]
    assert await asyncio.gather(*burst) == ["192.0.2.1"] * 5
    assert await resolved(resolver, "trunk.example") == "192.0.2.1"
    assert asked == ["trunk.example"]
    for number in range(MAX_KEPT):
        await resolved(resolver, f"t{number}.example")
    await resolved(resolver, "trunk.example")
    assert asked.count("trunk.example") == 2  # the oldest went first
    resolver.close()


async def test_a_name_that_is_not_found_is_asked_for_again() -> None:
    answers = [OSError("no such name"), UnicodeError("no such label")]

    def look_up(host: str) -> str:
        if answers:
            raise answers.pop()
        return "192.0.2.1"

    resolver = HostResolver(look_up)
    with capture_logs() as logged:
        assert await resolved(resolver, "trunk.example") is None
        assert await resolved(resolver, "trunk.example") is None
    assert [one["event"] for one in logged] == ["sip_trunk_not_found"] * 2
    assert await resolved(resolver, "trunk.example") == "192.0.2.1"
    resolver.close()


async def test_a_name_server_that_says_nothing_holds_nobody_up() -> None:
    release = threading.Event()

    def look_up(host: str) -> str:
        release.wait(60)
        return "192.0.2.1"

    resolver = HostResolver(look_up, deadline_s=0.05)
    try:
        assert await resolved(resolver, "trunk.example") is None
    finally:
        release.set()
        resolver.close()


async def test_what_fails_in_one_that_waits_is_no_affair_of_the_others() -> None:
    resolver = HostResolver(lambda host: "192.0.2.1")

    def fail(address: str | None) -> None:
        raise RuntimeError("broken")

    resolver.resolve("trunk.example", fail)
    assert await resolved(resolver, "trunk.example") == "192.0.2.1"
    resolver.close()


async def test_closing_forgets_who_waits() -> None:
    resolver = HostResolver(lambda host: "192.0.2.1")
    heard = resolved(resolver, "trunk.example")
    resolver.close()
    await asyncio.sleep(0.01)
    assert not heard.done()


def test_the_name_of_this_machine() -> None:
    assert first_address("localhost") == "127.0.0.1"


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
async def test_a_call_to_a_trunk_with_a_name(host: str) -> None:
    async with line(host=host) as on:
        on.peer.server = ("127.0.0.1", on.endpoint.address[1])
        dialler = on.dial(host="localhost")
        assert dialler.call.destination[0] == "localhost"
        record = dialler.call.record()
        assert type(record).from_dict(record.as_dict()) == record
        callee = Callee(on.peer, await on.peer.request("INVITE"))
        assert dialler.call.destination == on.peer.address
        assert callee.invite.start == (
            f"INVITE sip:+6591112222@localhost:{on.peer.address[1]} SIP/2.0"
        )
        assert callee.invite["Via"].startswith(f"SIP/2.0/UDP 127.0.0.1:{on.endpoint.address[1]};")
        assert "@127.0.0.1>" in callee.invite["From"]
        await callee.answer()
        await dialler.until("answered")


async def test_a_trunk_that_is_not_known() -> None:
    async with line() as on:
        on.endpoint.locator = Locator(Nobody())
        dialler = on.dial(host="trunk.example")
        assert await dialler.until("failed") == UNKNOWN
        assert on.endpoint.live_calls == 0
        await on.peer.quiet()


async def test_a_call_taken_back_before_its_trunk_is_found() -> None:
    async with line() as on:
        dialler = on.dial(host="localhost")
        dialler.call.hangup()
        assert dialler.names == ["failed"]
        await asyncio.sleep(0.05)
        await on.peer.quiet()


async def test_an_orphan_whose_trunk_has_a_name() -> None:
    async with line() as before:
        port = before.peer.address[1]
        dialler = before.dial(host="localhost", at_once=False, session_timer=0)
        record = dialler.call.record()
    assert record.pending_out is not None
    async with line() as after:
        done: list[SipCause] = []
        there = record.pending_out.towards(("localhost", after.peer.address[1]))
        moved = type(record).from_dict({**record.as_dict(), "pending_out": there.as_dict()})
        after.endpoint.hangup_orphan(moved, done.append)
        cancel = await after.peer.request("CANCEL")
        assert cancel.start == f"CANCEL sip:+6591112222@localhost:{port} SIP/2.0"
        after.peer.answer(cancel, 481)
        await after.peer.quiet()
        assert done == [SipCause(481)]
        after.endpoint.locator = Locator(Nobody())
        after.endpoint.hangup_orphan(moved, done.append)
        while len(done) < 2:
            await asyncio.sleep(0.001)
        assert done[1] == UNKNOWN


async def test_the_endpoint_closes_while_a_trunk_is_looked_for() -> None:
    async with line() as on:
        dialler = on.dial(host="localhost")
        await on.endpoint.close()
        await asyncio.sleep(0.05)
        assert dialler.names == []


async def test_a_closed_endpoint_dials_nobody() -> None:
    async with line() as on:
        await on.endpoint.close()
        with pytest.raises(RuntimeError, match="not started"):
            on.dial()


class Nobody(DnsNames):
    """No name is known."""

    async def hosts(self, name: str) -> Found[str]:
        return Found((), 60)
