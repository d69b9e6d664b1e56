"""A NAT forgets who sends nothing: what keeps the way of a call open (RFC 5626 4.4.1)."""

from phone.peer import Dialler, Line, line


async def hang_up(on: Line, dialler: Dialler) -> None:
    dialler.call.hangup()
    on.peer.answer(await on.peer.request("BYE"))
    await dialler.until("hangup_done")


async def test_the_way_of_a_call_of_ours_is_kept_open_for_as_long_as_it_goes_on() -> None:
    async with line() as on:
        dialler, _ = await on.talking()
        another, _ = await on.talking()  # over the same way
        await hang_up(on, another)
        on.clock.advance(29)
        await on.peer.quiet()
        assert on.peer.keepalives == 1
        on.clock.advance(75)
        await on.peer.quiet()
        assert on.peer.keepalives == 4
        await hang_up(on, dialler)
        on.clock.advance(100)
        await on.peer.quiet()
        assert on.peer.keepalives == 4


async def test_a_trunk_may_be_sent_none() -> None:
    async with line() as on:
        await on.talking(keepalive_s=0)
        on.clock.advance(100)
        await on.peer.quiet()
        assert on.peer.keepalives == 0
