"""How long the packets are that a peer is sent, by what its descriptions ask for and its trunk says."""

from onhook.phone import RemoteMedia
from phone.peer import SDP, Caller, Dialler, line

LONG = SDP.replace("a=ptime:20", "a=ptime:60")
SHORT = SDP.replace("a=ptime:20", "a=ptime:60\r\na=maxptime:40")


def packet_ms(media: object) -> int:
    assert isinstance(media, RemoteMedia)
    return media.packet_ms


def early_media(dialler: Dialler) -> object:
    """What the first provisional response described."""
    name, told = dialler.heard[0]
    assert name == "progressed" and isinstance(told, tuple)
    return told[1]


async def test_a_caller_says_it_in_its_offer_and_later_in_another() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        final = await caller.established(body=LONG)
        assert "a=ptime:20\r\n" in final.body
        assert packet_ms(on.owner.call.offer) == 60
        caller.within("INVITE", body=SHORT)
        await on.peer.status(200)
        assert packet_ms(await on.owner.until("media_moved")) == 40


async def test_a_caller_says_it_in_the_answer_to_our_offer() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        await caller.answered(body="")
        caller.ack(SHORT)
        assert packet_ms(await on.owner.until("acknowledged")) == 40


async def test_whoever_is_called_says_it_while_it_rings_and_when_it_answers() -> None:
    async with line() as on:
        dialler, callee = await on.dialled()
        callee.respond(183, LONG)
        callee.respond(200, SHORT)
        assert packet_ms(await dialler.until("answered")) == 40
        assert packet_ms(early_media(dialler)) == 60


async def test_a_trunk_that_says_it_is_believed() -> None:
    async with line() as on:
        dialler, callee = await on.dialled(ptime=30)
        assert "a=ptime:30\r\n" in callee.invite.body
        callee.respond(183, LONG)
        callee.respond(200, SHORT)
        assert packet_ms(await dialler.until("answered")) == 30
        assert packet_ms(early_media(dialler)) == 30
