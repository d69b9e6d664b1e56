"""A call of ours that was not answered goes on at the next process: the phone rings once, and whatever
becomes of its INVITE is heard."""

import pytest

from onhook.phone import RemoteMedia, ShownCaller, SipCause, Trunk
from onhook.phone.addresses import TcpAddress
from onhook.phone.dialog import HEADROOM
from phone.adoption.succession import Succession, kept_of, succession
from phone.peer import SDP, Callee, Caller, Dialler, Message

CHALLENGE = 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"'
CREDENTIALS = {"username": "user", "password": "secret"}
RELIABLE = ("Require: 100rel", "RSeq: 7")


def trunk_of(on: Succession, **more: object) -> Trunk:
    host, port = on.peer.address
    return Trunk(host, port, **more)  # type: ignore[arg-type]


async def rings(dialler: Dialler, callee: Callee, **more: object) -> None:
    callee.respond(180, **more)  # type: ignore[arg-type]
    await dialler.until("progressed")


async def answered(on: Succession, callee: Callee, after: Dialler) -> Message:
    """The callee answers; the call can be hung up again."""
    ack = await callee.answer()
    await after.until("answered")
    after.call.hangup()
    bye = await on.peer.request("BYE")
    on.peer.answer(bye)
    await after.until("hangup_done")
    return ack


async def test_an_invite_that_had_not_left_leaves_when_its_owner_says_so() -> None:
    async with succession() as on:
        dialler = on.dial(at_once=False)
        after = await on.followed_out(kept_of(dialler.call), trunk_of(on))
        await on.peer.quiet()
        on.endpoint.launch(after.call)
        callee = Callee(on.peer, await on.peer.request("INVITE"))
        await answered(on, callee, after)


@pytest.mark.parametrize("srtp", ["off", "prefer"])
async def test_an_invite_that_no_record_tells_of_is_sent_as_it_was(srtp: str) -> None:
    """To the callee it is one that came again, not another call."""
    async with succession() as on:
        dialler = on.dial(at_once=False, srtp=srtp)
        kept = kept_of(dialler.call)
        assert "inline" not in str({**kept, "keys": ()})
        on.endpoint.launch(dialler.call)
        first = await on.peer.request("INVITE")
        after = await on.followed_out(kept, trunk_of(on, srtp=srtp))
        on.endpoint.launch(after.call)
        again = await on.peer.request("INVITE")
        assert again.data == first.data
        assert ("a=crypto" in first.body) is (srtp == "prefer")
        await answered(on, Callee(on.peer, first), after)


async def test_an_invite_without_an_answer_is_repeated() -> None:
    async with succession() as on:
        dialler, callee = await on.dialled(caller=ShownCaller("+6531234567", private=True))
        after = await on.followed_out(kept_of(dialler.call), trunk_of(on))
        assert (await on.peer.request("INVITE")).data == callee.invite.data
        on.clock.advance(0.5)
        assert (await on.peer.request("INVITE")).data == callee.invite.data
        await rings(after, callee)
        await answered(on, callee, after)


async def test_a_phone_that_rings_is_not_called_again() -> None:
    async with succession() as on:
        dialler, callee = await on.dialled()
        await rings(dialler, callee)
        after = await on.followed_out(kept_of(dialler.call), trunk_of(on))
        on.clock.advance(60)
        await on.peer.quiet()
        ack = await answered(on, callee, after)
        assert ack["CSeq"] == "1 ACK"


async def test_an_answer_that_came_while_nobody_read_is_heard() -> None:
    async with succession() as on:
        dialler, callee = await on.dialled()
        await rings(dialler, callee)
        kept = kept_of(dialler.call)
        await on.die()
        callee.respond(200, SDP)
        await on.stand()
        after = on.take_out(kept, trunk_of(on))
        await on.endpoint.serve()
        await on.peer.request("ACK")
        media = await after.until("answered")
        assert isinstance(media, RemoteMedia) and media.port == 40000


@pytest.mark.parametrize("status", [404, 486, 503, 603])
async def test_a_refusal_is_heard_and_acknowledged(status: int) -> None:
    async with succession() as on:
        dialler, callee = await on.dialled()
        await rings(dialler, callee)
        after = await on.followed_out(kept_of(dialler.call), trunk_of(on))
        callee.respond(status)
        ack = await on.peer.request("ACK")
        assert ack["Via"] == callee.invite["Via"]
        cause = await after.until("failed")
        assert isinstance(cause, SipCause) and cause.status == status
        assert on.endpoint.live_calls == 0


async def test_it_is_taken_back_by_the_next_process() -> None:
    async with succession() as on:
        dialler, callee = await on.dialled()
        await rings(dialler, callee)
        after = await on.followed_out(kept_of(dialler.call), trunk_of(on))
        after.call.hangup()
        cancel = await on.peer.request("CANCEL")
        assert cancel["Via"] == callee.invite["Via"]
        on.peer.answer(cancel)
        callee.respond(487)
        await on.peer.request("ACK")
        cause = await after.until("failed")
        assert isinstance(cause, SipCause) and cause.status == 487


async def test_a_cancel_without_an_answer_is_sent_by_the_next_process() -> None:
    async with succession() as on:
        dialler, callee = await on.dialled()
        await rings(dialler, callee)
        dialler.call.hangup()
        first = await on.peer.request("CANCEL")
        after = await on.followed_out(kept_of(dialler.call), trunk_of(on))
        again = await on.peer.request("CANCEL")
        assert again.data == first.data
        on.peer.answer(again)
        callee.respond(200, SDP)  # it crossed
        await on.peer.request("ACK")
        on.peer.answer(await on.peer.request("BYE"))
        await after.until("failed")


async def test_a_cancel_that_waits_for_the_phone_waits_on() -> None:
    async with succession() as on:
        dialler, callee = await on.dialled()
        dialler.call.hangup()
        after = await on.followed_out(kept_of(dialler.call), trunk_of(on))
        await on.peer.request("INVITE")
        await on.peer.quiet()
        callee.respond(180)
        on.peer.answer(await on.peer.request("CANCEL"))
        callee.respond(487)
        await on.peer.request("ACK")
        await after.until("failed")


async def test_a_challenge_is_answered_by_the_next_process() -> None:
    async with succession() as on:
        dialler, callee = await on.dialled(**CREDENTIALS)
        after = await on.followed_out(kept_of(dialler.call), trunk_of(on, **CREDENTIALS))
        assert (await on.peer.request("INVITE")).data == callee.invite.data
        callee.respond(401, headers=(CHALLENGE,))
        await on.peer.request("ACK")
        again = Callee(on.peer, await on.peer.request("INVITE"))
        assert again.invite["CSeq"] == "2 INVITE"
        assert 'username="user"' in again.invite["Authorization"]
        await answered(on, again, after)


async def test_an_invite_with_credentials_is_repeated_with_them() -> None:
    async with succession() as on:
        dialler, callee = await on.dialled(**CREDENTIALS)
        callee.respond(401, headers=(CHALLENGE,))
        await on.peer.request("ACK")
        again = Callee(on.peer, await on.peer.request("INVITE"))
        kept = kept_of(dialler.call)
        response = again.invite["Authorization"].partition('response="')[2].partition('"')[0]
        assert response not in str({**kept, "keys": ()})
        after = await on.followed_out(kept, trunk_of(on, **CREDENTIALS))
        assert (await on.peer.request("INVITE")).data == again.invite.data
        ack = await answered(on, again, after)
        assert ack["Authorization"] == again.invite["Authorization"]


async def test_a_reliable_ringing_without_its_prack_gets_one() -> None:
    async with succession() as on:
        dialler, callee = await on.dialled()
        await rings(dialler, callee, headers=RELIABLE)
        first = await on.peer.request("PRACK")
        after = await on.followed_out(kept_of(dialler.call), trunk_of(on))
        callee.respond(180, headers=RELIABLE)
        again = await on.peer.request("PRACK")
        assert again["RAck"] == first["RAck"] == "7 1 INVITE"
        assert int(again["CSeq"].split()[0]) == 3 + HEADROOM
        on.peer.answer(again)
        callee.respond(183, SDP, headers=("Require: 100rel", "RSeq: 8"))
        second = await on.peer.request("PRACK")
        assert second["RAck"] == "8 1 INVITE"
        on.peer.answer(second)
        await answered(on, callee, after)


async def test_what_a_phone_said_of_its_audio_while_it_rang_is_its_answer() -> None:
    async with succession() as on:
        dialler, callee = await on.dialled()
        callee.respond(183, SDP)
        await dialler.until("progressed")
        after = await on.followed_out(kept_of(dialler.call), trunk_of(on))
        await callee.answer("")
        media = await after.until("answered")
        assert isinstance(media, RemoteMedia) and media.port == 40000


async def test_a_phone_that_rings_may_offer_something_else() -> None:
    async with succession() as on:
        dialler, callee = await on.dialled()
        await rings(dialler, callee, body=SDP, headers=RELIABLE)
        on.peer.answer(await on.peer.request("PRACK"))
        after = await on.followed_out(kept_of(dialler.call), trunk_of(on))
        callee.within("UPDATE", body=SDP.replace("40000", "40002"))
        await on.peer.status(200)
        await callee.answer("")
        media = await after.until("answered")
        assert isinstance(media, RemoteMedia) and media.port == 40002


async def test_other_servers_are_known_for_the_owner() -> None:
    async with succession() as on:
        dialler, callee = await on.dialled()
        dialler.call.others = (("127.0.0.1", 5062), TcpAddress("127.0.0.1", 5063))
        after = await on.followed_out(kept_of(dialler.call), trunk_of(on))
        assert after.call.others == dialler.call.others
        assert not after.call.heard
        await on.peer.request("INVITE")
        callee.respond(503)
        await on.peer.request("ACK")
        await after.until("failed")
        assert after.call.heard


async def test_an_invite_over_tcp_goes_over_a_new_connection() -> None:
    async with succession() as on:
        trunk = await on.tcp_peer()
        named = Trunk(*trunk.address, transport="tcp")
        dialler = on.dial(host=named.host, port=named.port, transport="tcp")
        callee = Callee(trunk, await trunk.request("INVITE"))
        callee.contact = f"<sip:callee@127.0.0.1:{trunk.address[1]};transport=tcp>"
        callee.respond(180)
        await dialler.until("progressed")
        after = await on.followed_out(kept_of(dialler.call), named)
        again = await trunk.request("INVITE")
        assert again.data == callee.invite.data
        callee.respond(180)
        await callee.answer()
        await after.until("answered")
        await trunk.close()


async def test_a_caller_of_another_number_is_not_confused_with_it() -> None:
    async with succession() as on:
        dialler, callee = await on.dialled()
        after = await on.followed_out(kept_of(dialler.call), trunk_of(on))
        await on.peer.request("INVITE")
        await Caller(on.peer).established()
        await answered(on, callee, after)


async def test_a_second_phone_that_answers_the_next_process_is_hung_up() -> None:
    async with succession() as on:
        dialler, callee = await on.talking()
        after = await on.followed_out(kept_of(dialler.call), trunk_of(on))
        callee.respond(200, SDP, tag="another")
        ack = await on.peer.request("ACK")
        bye = await on.peer.request("BYE")
        assert ack["To"] == bye["To"] == f"{callee.invite['To']};tag=another"
        on.peer.answer(bye)
        await on.peer.quiet()
        assert after.names == []
        callee.within("BYE")
        await on.peer.status(200)


async def test_an_answer_is_not_taken_before_its_call_goes_on() -> None:
    """The answer waits in the socket, and is the first that is read."""
    async with succession() as on:
        dialler, callee = await on.dialled()
        callee.respond(180)
        await dialler.until("progressed")
        kept = kept_of(dialler.call)
        await on.die()
        for _ in range(3):
            callee.respond(200, SDP)
        await on.stand()
        after = on.take_out(kept, trunk_of(on))
        await on.endpoint.serve()
        await after.until("answered")
        assert after.names == ["answered"]
        await on.peer.until_quiet()


async def test_a_phone_that_rings_is_cancelled_before_anything_is_read() -> None:
    async with succession() as on:
        dialler, callee = await on.dialled()
        callee.respond(180)
        await dialler.until("progressed")
        kept = kept_of(dialler.call)
        await on.die()
        await on.stand()
        after = on.take_out(kept, trunk_of(on))
        after.call.hangup()
        await on.endpoint.serve()
        on.peer.answer(await on.peer.request("CANCEL"))
        callee.respond(487)
        await on.peer.request("ACK")
        await after.until("failed")
        await on.peer.quiet()
