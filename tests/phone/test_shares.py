"""Whoever is in a call and floods us: what is kept of it is bounded, and the call goes on."""

import pytest

from onhook.phone.shares import OF_A_DIALOG
from phone.peer import SDP, Caller, Line, line


def kept(on: Line) -> int:
    """Transactions that are held."""
    return len(on.endpoint.transactions)


async def storm(on: Line, caller: Caller, method: str, times: int) -> dict[int, int]:
    """So many requests within the dialog; how often each status came."""
    found: dict[int, int] = {}
    for start in range(0, times, 50):
        for _ in range(min(50, times - start)):
            caller.within(method, body=SDP if method in ("INVITE", "UPDATE") else "")
            if method == "INVITE":
                caller.ack(cseq=caller.cseq)
        for message in await on.peer.until_quiet():
            if method != "INVITE" or message.status >= 200:
                found[message.status] = found.get(message.status, 0) + 1
    return found


@pytest.mark.parametrize("method", ["UPDATE", "INVITE", "OPTIONS", "INFO"])
async def test_what_one_dialog_leaves_behind_is_bounded(method: str) -> None:
    async with line() as on:
        caller = Caller(on.peer)
        await caller.established()
        before = kept(on)
        found = await storm(on, caller, method, 3 * OF_A_DIALOG)
        assert kept(on) == before + OF_A_DIALOG
        assert found == {200: OF_A_DIALOG, 503: 2 * OF_A_DIALOG}
        assert on.endpoint.counters["excessive"] == 2 * OF_A_DIALOG
        caller.within(method)
        refused = await on.peer.status(503)
        assert 0 <= int(refused["Retry-After"]) <= 10
        assert refused.to_tag == caller.to_tag


async def test_the_numbers_of_what_was_too_much_are_used_up() -> None:
    """CSeq is looked at first (RFC 3261 12.2.2): what is too old gets 500, also when there is room again."""
    async with line() as on:
        caller = Caller(on.peer)
        await caller.established()
        await storm(on, caller, "OPTIONS", OF_A_DIALOG)
        caller.within("INFO", cseq=500)
        await on.peer.status(503)
        caller.within("INFO", cseq=499)
        await on.peer.status(500)
        on.clock.advance(33)
        caller.within("INFO", cseq=499)
        await on.peer.status(500)
        caller.within("INFO", cseq=501)
        await on.peer.status(200)


async def test_a_flooded_call_can_be_ended_and_others_are_served() -> None:
    async with line() as on:
        caller, other = Caller(on.peer), Caller(on.peer)
        await caller.established()
        await other.established()
        await storm(on, caller, "UPDATE", 2 * OF_A_DIALOG)
        other.within("OPTIONS")
        await on.peer.status(200)
        caller.within("BYE")
        await on.peer.status(200)
        assert "hung_up" in on.owners[0].names


async def test_what_one_address_leaves_behind_is_bounded() -> None:
    """By many dialogs. Another address has its own share."""
    async with line(capacity=200) as on:
        callers = [Caller(on.peer) for _ in range(3)]
        for caller in callers:
            await caller.established()
        before = kept(on)
        for caller in callers:
            await storm(on, caller, "OPTIONS", OF_A_DIALOG)
        assert kept(on) == before + 2 * OF_A_DIALOG
        assert on.endpoint.counters["excessive"] == OF_A_DIALOG
        elsewhere = await on.another_peer("127.0.0.2")
        elsewhere.server = on.peer.server
        other = Caller(elsewhere)
        await other.established()
        other.within("OPTIONS")
        await elsewhere.status(200)
        elsewhere.transport.close()
        on.clock.advance(33)
        assert kept(on) == 0
        callers[0].within("OPTIONS")
        await on.peer.status(200)
