"""Session timers through the death of a process: a refresh that is under way is not lost, and not doubled."""

import pytest

from onhook.phone.dialog import HEADROOM
from phone.adoption.succession import kept_of, succession
from phone.peer import SDP, Caller, Message

BY_INVITE = ("Supported: timer", "Session-Expires: 90;refresher=uas")
BY_UPDATE = (*BY_INVITE, "Allow: INVITE, ACK, BYE, UPDATE")


def number(message: Message) -> int:
    return int(message["CSeq"].split()[0])


async def test_an_update_without_an_answer_is_asked_for_anew() -> None:
    async with succession() as on:
        caller = Caller(on.peer)
        await caller.established(headers=BY_UPDATE)
        on.clock.advance(45)
        first = await on.peer.request("UPDATE")
        await on.followed_in(kept_of(on.owner.call))
        on.clock.advance(0)
        again = await on.peer.request("UPDATE")
        assert number(again) == number(first) + 1 + HEADROOM
        on.peer.answer(again, headers=("Session-Expires: 90;refresher=uac",))
        await on.peer.quiet()
        on.clock.advance(44)
        await on.peer.quiet()
        on.clock.advance(1)
        on.peer.answer(
            await on.peer.request("UPDATE"), headers=("Session-Expires: 90;refresher=uac",)
        )
        await on.peer.quiet()


async def test_a_reinvite_without_an_answer_is_repeated_as_it_was() -> None:
    async with succession() as on:
        caller = Caller(on.peer)
        final = await caller.established(headers=BY_INVITE)
        on.clock.advance(45)
        first = await on.peer.request("INVITE")
        assert first.body == final.body
        after = await on.followed_in(kept_of(on.owner.call))
        again = await on.peer.request("INVITE")
        assert again.data == first.data
        headers = (f"Contact: {caller.contact}", "Session-Expires: 90;refresher=uac")
        on.peer.answer(again, headers=headers, body=SDP)
        ack = await on.peer.request("ACK")
        assert number(ack) == number(first)
        on.clock.advance(44)
        await on.peer.quiet()
        on.clock.advance(1)
        following = await on.peer.request("INVITE")
        assert number(following) >= number(first) + HEADROOM
        on.peer.answer(following, headers=headers, body=SDP)
        await on.peer.request("ACK")
        assert after.names == []


async def test_a_reinvite_whose_answer_only_the_dead_process_heard_ends_nothing() -> None:
    long = ("Supported: timer", "Session-Expires: 600;refresher=uas")
    async with succession() as on:
        caller = Caller(on.peer)
        await caller.established(headers=long)
        on.clock.advance(300)
        first = await on.peer.request("INVITE")
        kept = kept_of(on.owner.call)
        headers = (f"Contact: {caller.contact}", "Session-Expires: 600;refresher=uac")
        on.peer.answer(first, headers=headers, body=SDP)
        await on.peer.request("ACK")
        after = await on.followed_in(kept)
        on.clock.advance(32)  # the peer absorbs what it has answered
        repeated = await on.peer.until_quiet()
        assert {each.data for each in repeated} == {first.data}
        on.clock.advance(4)
        following = (await on.peer.until_quiet())[-1]
        assert following.start.startswith("INVITE ") and number(following) > number(first)
        on.peer.answer(following, headers=headers, body=SDP)
        await on.peer.request("ACK")
        assert after.names == []


@pytest.mark.parametrize("headers", [BY_INVITE, BY_UPDATE])
async def test_a_refresh_is_told_when_it_is_through(headers: tuple[str, ...]) -> None:
    """Its timers are others then, which is to be written."""
    async with succession() as on:
        caller = Caller(on.peer)
        await caller.established(headers=headers)
        told: list[object] = []
        on.owner.dialog_changed = lambda: told.append(on.owner.call.kept()["timer"])  # type: ignore[method-assign]
        on.clock.advance(45)
        request = await on.peer.receive()
        told.clear()
        answer = (f"Contact: {caller.contact}", "Session-Expires: 90;refresher=uac")
        body = SDP if request.body else ""
        on.peer.answer(request, headers=answer, body=body)
        await on.peer.until_quiet()
        (timer,) = told
        assert isinstance(timer, dict) and timer["expire_at"] == on.clock.time() + 60


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
async def test_a_refresh_of_the_peer_is_told_of(method: str) -> None:
    headers = ("Supported: timer", "Session-Expires: 90;refresher=uac")
    async with succession() as on:
        caller = Caller(on.peer)
        await caller.established(headers=headers)
        told: list[object] = []
        on.owner.dialog_changed = lambda: told.append(on.owner.call.kept()["timer"])  # type: ignore[method-assign]
        on.clock.advance(30)
        caller.within(method, headers=headers)
        await on.peer.status(200)
        assert isinstance(told[-1], dict) and told[-1]["expire_at"] == on.clock.time() + 60
        if method == "INVITE":
            caller.ack(body=SDP)
            await on.peer.quiet()
