"""Session timers on the wire (RFC 4028): scripted peers, and time that passes when told."""

from dataclasses import replace

import pytest

from onhook.phone import SipCause
from phone.peer import SDP, Callee, Caller, Dialler, Line, Message, line

WITH_UPDATE = ("Allow: INVITE, ACK, BYE, CANCEL, UPDATE",)
LOST = SipCause(408, None, "the session was not refreshed")


def timer(seconds: int = 90, refresher: str = "") -> tuple[str, ...]:
    role = f";refresher={refresher}" if refresher else ""
    return ("Supported: timer", f"Session-Expires: {seconds}{role}")


def origin(message: Message) -> str:
    return next(each for each in message.body.splitlines() if each.startswith("o="))


# Calls to us ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "answered", "required"),
    [
        (("Supported: timer",), "1800;refresher=uas", ["timer"]),
        (("Supported: timer", "Min-SE: 3600"), "3600;refresher=uas", ["timer"]),
        (timer(600), "600;refresher=uas", ["timer"]),
        (timer(600, "uac"), "600;refresher=uac", ["timer"]),
        (timer(600, "uas"), "600;refresher=uas", ["timer"]),
        (("Require: timer", *timer(90, "uac")), "90;refresher=uac", ["timer"]),
        (("k: timer", "x: 90"), "90;refresher=uas", ["timer"]),
        (("Session-Expires: 600",), "600;refresher=uas", []),
        (timer(99999999999999999999), "86400;refresher=uas", ["timer"]),
    ],
)
async def test_a_caller_is_answered_with_a_timer(
    headers: tuple[str, ...], answered: str, required: list[str]
) -> None:
    async with line() as on:
        caller = Caller(on.peer)
        final = await caller.established(headers=headers)
        assert final["Session-Expires"] == answered
        assert final.all("Require") == required
        assert "timer" in final["Supported"]


@pytest.mark.parametrize(
    "headers",
    [(), ("Session-Expires: 89",), ("Session-Expires: soon",), ("Session-Expires: 90;;=",)],
)
async def test_a_caller_that_knows_no_timer_gets_none(headers: tuple[str, ...]) -> None:
    async with line() as on:
        final = await Caller(on.peer).established(headers=headers)
        assert (final.all("Session-Expires"), final.all("Require")) == ([], [])
        on.clock.advance(100_000)
        await on.peer.quiet()


async def test_a_server_that_wants_no_timer_serves_the_callers() -> None:
    async with line(session_timer_s=0) as on:
        final = await Caller(on.peer).established(headers=("Supported: timer",))
        assert final.all("Session-Expires") == []
        other = await Caller(on.peer).established(headers=timer(90, "uac"))
        assert other["Session-Expires"] == "90;refresher=uac"


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
async def test_a_session_that_is_too_short_is_refused(method: str) -> None:
    async with line() as on:
        caller = Caller(on.peer)
        caller.invite(headers=timer(89))
        refused = await on.peer.status(422)
        assert refused["Min-SE"] == "90"
        caller.to_tag = refused.to_tag
        caller.ack(branch=caller.branch)
        again = Caller(on.peer)
        await again.established(headers=timer(90))
        again.within(method, headers=timer(30), body=SDP if method == "INVITE" else "")
        assert (await on.peer.status(422))["Min-SE"] == "90"
        if method == "INVITE":
            again.ack(cseq=again.cseq)
        await on.peer.until_quiet()


async def test_we_refresh_by_update_for_twenty_minutes_and_nothing_changes() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        await caller.established(headers=(*timer(90), *WITH_UPDATE))
        refreshes = 0
        while on.clock.now_s < 20 * 60:
            on.clock.advance(44.9)
            await on.peer.quiet()
            on.clock.advance(0.1)
            update = await on.peer.request("UPDATE")
            assert update["Session-Expires"] == "90;refresher=uac"
            assert update.all("Content-Type") == []
            assert update["Contact"].startswith("<sip:127.0.0.1:")
            on.peer.answer(update, headers=("Session-Expires: 90;refresher=uac",))
            await on.peer.quiet()
            refreshes += 1
        assert refreshes >= 26
        assert on.owner.names == ["acknowledged"]
        caller.within("BYE")
        await on.peer.status(200)
        on.clock.advance(200)


async def test_we_refresh_by_reinvite_where_update_is_not_known_and_the_sdp_stays_the_same() -> (
    None
):
    async with line() as on:
        caller = Caller(on.peer)
        final = await caller.established(headers=(*timer(90), "Allow: INVITE, ACK, BYE, CANCEL"))
        for _ in range(14):
            on.clock.advance(45)
            again = await on.peer.request("INVITE")
            assert again.body == final.body  # the version in o= included
            assert again["Session-Expires"] == "90;refresher=uac"
            on.peer.answer(
                again,
                body=SDP,
                headers=("Session-Expires: 90;refresher=uac", f"Contact: {caller.contact}"),
            )
            ack = await on.peer.request("ACK")
            assert ack["CSeq"].split()[0] == again["CSeq"].split()[0]
            on.peer.answer(again, body=SDP)  # our ACK was lost
            assert (await on.peer.request("ACK")).data == ack.data
            await on.peer.quiet()
        assert on.owner.names == ["acknowledged"]


async def test_a_peer_that_does_not_know_update_after_all_gets_a_reinvite() -> None:
    async with line() as on:
        await Caller(on.peer).established(headers=(*timer(90), *WITH_UPDATE))
        on.clock.advance(45)
        on.peer.answer(await on.peer.request("UPDATE"), 501)
        again = await on.peer.request("INVITE")
        on.peer.answer(again, body=SDP, headers=("Session-Expires: 90;refresher=uac",))
        await on.peer.request("ACK")
        on.clock.advance(45)
        assert (await on.peer.request("INVITE"))["Session-Expires"] == "90;refresher=uac"
        await on.peer.until_quiet()


async def test_the_peer_refreshes_for_twenty_minutes() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        first = await caller.established(headers=timer(90, "uac"))
        for number in range(26):
            on.clock.advance(45)
            await on.peer.quiet()
            method, body = ("UPDATE", "") if number % 2 else ("INVITE", SDP)
            caller.within(method, body=body, headers=timer(90, "uac"))
            final = await on.peer.status(200)
            assert final["Session-Expires"] == "90;refresher=uac"
            if body:
                caller.ack(cseq=caller.cseq)
                assert origin(final) == origin(first)
            await on.peer.quiet()
        assert "session_lost" not in on.owner.names
        on.clock.advance(60)  # the next one is lost
        on.peer.answer(await on.peer.request("BYE"))
        assert await on.owner.until("session_lost") == LOST
        on.clock.advance(60)


async def test_a_call_whose_process_dies_with_a_refresh_out_is_hung_up_with_a_higher_number() -> (
    None
):
    async with line() as before:
        caller = Caller(before.peer)
        await caller.established(headers=(*timer(90), *WITH_UPDATE))
        stored = before.owner.call.record()  # the refresh leaves, and is not written any more
        before.clock.advance(45)
        refresh = await before.peer.request("UPDATE")
        written = before.owner.call.record()
    for record in (stored, written):
        async with line() as after:
            after.endpoint.hangup_orphan(
                replace(record, destination=after.peer.address), lambda cause: None
            )
            bye = await after.peer.request("BYE")
            assert int(bye["CSeq"].split()[0]) > int(refresh["CSeq"].split()[0])
            assert bye["Reason"].startswith("Q.850;cause=41")
            after.peer.answer(bye)
            await after.peer.quiet()
            after.clock.advance(60)


async def test_a_peer_that_stops_refreshing_is_hung_up_before_the_session_is_over() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        await caller.established(headers=timer(90, "uac"))
        on.clock.advance(45)
        caller.within("UPDATE", headers=timer(90, "uac"))
        await on.peer.status(200)
        on.clock.advance(59.9)
        await on.peer.quiet()
        on.clock.advance(0.1)  # a third of 90 s before its end
        bye = await on.peer.request("BYE")
        assert bye.all("Reason") == [
            'SIP;cause=408;text="Session timer expired"',
            'Q.850;cause=102;text="Recovery on timer expiry"',
        ]
        assert await on.owner.until("session_lost") == LOST
        on.peer.answer(bye)
        await on.owner.until("hangup_done")
        on.clock.advance(60)


async def test_a_long_session_that_nobody_refreshes_ends_half_a_minute_before_its_time() -> None:
    async with line() as on:
        await Caller(on.peer).established(headers=timer(1800, "uac"))
        on.clock.advance(1800 - 32 - 0.1)
        await on.peer.quiet()
        on.clock.advance(0.1)
        on.peer.answer(await on.peer.request("BYE"))
        await on.owner.until("hangup_done")
        on.clock.advance(60)


async def test_a_refresh_that_nobody_answers_ends_the_call() -> None:
    async with line() as on:
        await Caller(on.peer).established(headers=(*timer(1800), *WITH_UPDATE))
        on.clock.advance(900)
        await on.peer.request("UPDATE")
        on.clock.advance(32)
        while not (bye := await on.peer.receive()).start.startswith("BYE"):
            assert bye.start.startswith("UPDATE")
        assert await on.owner.until("session_lost") == LOST
        on.peer.answer(bye)
        await on.owner.until("hangup_done")
        on.clock.advance(60)


@pytest.mark.parametrize("status", [408, 481])
@pytest.mark.parametrize("by", ["UPDATE", "INVITE"])
async def test_a_peer_that_does_not_know_the_call_any_more_is_hung_up(by: str, status: int) -> None:
    async with line() as on:
        allow = WITH_UPDATE if by == "UPDATE" else ()
        await Caller(on.peer).established(headers=(*timer(90), *allow))
        on.clock.advance(45)
        refresh = await on.peer.request(by)
        on.peer.answer(refresh, status)
        if by == "INVITE":
            await on.peer.request("ACK")
        bye = await on.peer.request("BYE")
        lost = await on.owner.until("session_lost")
        assert isinstance(lost, SipCause)
        assert lost.status == status
        assert bye["Reason"].startswith(f"SIP;cause={status};")
        on.peer.answer(bye)
        await on.owner.until("hangup_done")
        on.clock.advance(60)


@pytest.mark.parametrize(("by", "ours", "least", "most"), [
    ("UPDATE", False, 0.0, 2.0), ("INVITE", False, 0.0, 2.0), ("INVITE", True, 2.1, 4.0),
])  # fmt: skip
async def test_a_glare_is_tried_again_after_a_wait_by_chance(
    by: str, ours: bool, least: float, most: float
) -> None:
    async with line() as on:
        allow = WITH_UPDATE if by == "UPDATE" else ("Allow: INVITE",)
        if ours:
            dialler, callee = await on.dialled()
            await callee.answer(headers=("Session-Expires: 600;refresher=uac", *allow))
            await dialler.until("answered")
        else:
            await Caller(on.peer).established(headers=(*timer(600), *allow))
        on.clock.advance(300)
        on.peer.answer(await on.peer.request(by), 491)
        if by == "INVITE":
            await on.peer.request("ACK")
        await on.peer.quiet()
        if least:
            on.clock.advance(least - 0.01)
            await on.peer.quiet()
        on.clock.advance(most - max(least - 0.01, 0))
        again = await on.peer.request(by)
        on.peer.answer(again, body=SDP if by == "INVITE" else "", headers=timer(600, "uac"))
        await on.peer.until_quiet()
        if not ours:
            assert "session_lost" not in on.owner.names


async def test_a_refresh_that_is_refused_again_and_again_is_not_sent_at_once() -> None:
    async with line() as on:
        await Caller(on.peer).established(headers=(*timer(1800), *WITH_UPDATE))
        on.clock.advance(900)
        asked = 0
        while True:
            message = await on.peer.receive()
            if message.start.startswith("BYE"):
                break
            asked += 1
            on.peer.answer(message, 500)
            await on.peer.quiet()
            on.clock.advance(289.4)
        assert asked <= 4
        on.peer.answer(message)
        await on.owner.until("hangup_done")
        on.clock.advance(60)


async def test_a_session_is_made_longer_where_a_refresh_is_refused_as_too_short() -> None:
    async with line() as on:
        await Caller(on.peer).established(headers=(*timer(90), *WITH_UPDATE))
        on.clock.advance(45)
        on.peer.answer(await on.peer.request("UPDATE"), 422, headers=("Min-SE: 300",))
        update = await on.peer.request("UPDATE")
        assert (update["Session-Expires"], update["Min-SE"]) == ("300;refresher=uac", "300")
        on.peer.answer(update, headers=("Session-Expires: 300;refresher=uac",))
        await on.peer.quiet()
        on.clock.advance(149)
        await on.peer.quiet()
        on.clock.advance(1)
        await on.peer.request("UPDATE")


async def test_the_peer_becomes_the_refresher_and_the_timer_may_go() -> None:
    async with line() as on:
        await Caller(on.peer).established(headers=(*timer(90), *WITH_UPDATE))
        on.clock.advance(45)
        on.peer.answer(
            await on.peer.request("UPDATE"), headers=("Session-Expires: 600;refresher=uas",)
        )
        await on.peer.quiet()
        on.clock.advance(560)
        await on.peer.quiet()
        on.clock.advance(8)
        on.peer.answer(await on.peer.request("BYE"))
        await on.owner.until("hangup_done")
        on.clock.advance(60)
    async with line() as on:
        await Caller(on.peer).established(headers=(*timer(90), *WITH_UPDATE))
        on.clock.advance(45)
        on.peer.answer(await on.peer.request("UPDATE"))
        await on.peer.quiet()
        on.clock.advance(10_000)
        await on.peer.quiet()


# Both at once --------------------------------------------------------------------------------------


async def test_a_reinvite_of_theirs_while_ours_is_out_is_a_glare() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        await caller.established(headers=timer(90))
        on.clock.advance(45)
        ours = await on.peer.request("INVITE")
        caller.within("INVITE", body=SDP)
        await on.peer.status(491)
        caller.ack(cseq=caller.cseq)
        caller.within("UPDATE", body=SDP)
        await on.peer.status(491)
        caller.within("UPDATE")
        await on.peer.status(200)
        on.peer.answer(ours, body=SDP, headers=timer(90, "uac"))
        await on.peer.request("ACK")
        await on.peer.quiet()


@pytest.mark.parametrize("by", ["UPDATE", "INVITE"])
async def test_a_refresh_and_a_bye_in_the_same_millisecond(by: str) -> None:
    async with line() as on:
        allow = WITH_UPDATE if by == "UPDATE" else ()
        await Caller(on.peer).established(headers=(*timer(90), *allow))
        on.clock.advance(45)
        on.owner.call.hangup()
        refresh = await on.peer.request(by)
        bye = await on.peer.request("BYE")
        assert int(bye["CSeq"].split()[0]) == int(refresh["CSeq"].split()[0]) + 1
        on.peer.answer(bye)
        await on.owner.until("hangup_done")
        on.peer.answer(refresh, body=SDP if by == "INVITE" else "")
        if by == "INVITE":
            await on.peer.request("ACK")
        await on.peer.quiet()
        assert "session_lost" not in on.owner.names
        on.clock.advance(100)


async def test_a_bye_crosses_our_reinvite_which_is_never_answered() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        await caller.established(headers=timer(90))
        on.clock.advance(45)
        on.peer.answer(await on.peer.request("INVITE"), 100)
        caller.within("BYE")
        await on.peer.status(200)
        await on.owner.until("hung_up")
        on.clock.advance(100)
        await on.peer.quiet()
        assert on.clock.pending == 0


async def test_the_answer_to_a_refresh_may_move_the_audio_and_the_contact() -> None:
    async with line() as on:
        await Caller(on.peer).established(headers=timer(90))
        on.clock.advance(45)
        other = await on.another_peer()
        on.peer.answer(
            await on.peer.request("INVITE"), body=SDP.replace("40000", "40002"),
            headers=(*timer(90, "uac"), f"Contact: <sip:x@127.0.0.1:{other.address[1]}>"),
        )  # fmt: skip
        await other.request("ACK")
        moved = await on.owner.until("media_moved")
        assert getattr(moved, "port", 0) == 40002
        on.clock.advance(45)
        await other.request("INVITE")
        other.transport.close()


# Calls of ours -------------------------------------------------------------------------------------


async def placed(on: Line, *headers: str, **trunk: object) -> tuple[Dialler, Callee]:
    dialler, callee = await on.dialled(**trunk)
    await callee.answer(headers=headers)
    await dialler.until("answered")
    return dialler, callee


async def test_a_call_of_ours_asks_for_what_its_trunk_says() -> None:
    async with line() as on:
        _, plain = await on.dialled()
        assert plain.invite["Session-Expires"] == "1800"
        assert "timer" in plain.invite["Supported"]
        _, short = await on.dialled(session_timer=600)
        assert short.invite["Session-Expires"] == "600"
        _, none = await on.dialled(session_timer=0)
        assert none.invite.all("Session-Expires") == []


async def test_an_invite_that_is_refused_as_too_short_goes_out_again() -> None:
    async with line() as on:
        dialler, callee = await on.dialled(session_timer=90)
        callee.respond(422, headers=("Min-SE: 300",))
        await on.peer.request("ACK")
        invite = await on.peer.request("INVITE")
        assert (invite["Session-Expires"], invite["Min-SE"]) == ("300", "300")
        callee = Callee(on.peer, invite)
        callee.respond(422, headers=("Min-SE: 900",))
        cause = await dialler.until("failed")
        assert isinstance(cause, SipCause)
        assert cause.status == 422
        await on.peer.until_quiet()
        on.clock.advance(60)


@pytest.mark.parametrize("headers", [("Min-SE: 90",), ("Min-SE: x",), ()])
async def test_a_422_that_asks_for_nothing_longer_is_a_refusal(headers: tuple[str, ...]) -> None:
    async with line() as on:
        dialler, callee = await on.dialled(session_timer=90)
        callee.respond(422, headers=headers)
        cause = await dialler.until("failed")
        assert isinstance(cause, SipCause)
        assert cause.status == 422
        await on.peer.until_quiet()
        on.clock.advance(60)


async def test_we_refresh_a_call_of_ours() -> None:
    async with line() as on:
        _, callee = await placed(
            on, "Require: timer", "Session-Expires: 90;refresher=uac", *WITH_UPDATE
        )
        for _ in range(5):
            on.clock.advance(45)
            update = await on.peer.request("UPDATE")
            on.peer.answer(update, headers=("Session-Expires: 90;refresher=uac",))
            await on.peer.quiet()
        callee.within("BYE")
        await on.peer.status(200)
        on.clock.advance(100)


async def test_the_callee_refreshes_and_then_does_not() -> None:
    async with line() as on:
        dialler, callee = await placed(on, "Session-Expires: 90;refresher=uas")
        for _ in range(5):
            on.clock.advance(45)
            callee.within("UPDATE", headers=timer(90, "uac"))
            final = await on.peer.status(200)
            assert final["Session-Expires"] == "90;refresher=uac"
        on.clock.advance(60)
        on.peer.answer(await on.peer.request("BYE"))
        assert await dialler.until("session_lost") == LOST
        await dialler.until("hangup_done")
        on.clock.advance(60)


async def test_a_callee_without_timers_is_never_refreshed() -> None:
    async with line() as on:
        await placed(on)
        on.clock.advance(4_000)
        await on.peer.quiet()


async def test_a_refresh_that_is_challenged_is_sent_with_credentials() -> None:
    challenge = 'Proxy-Authenticate: Digest realm="r", nonce="n", qop="auth"'
    for by, allow in (("UPDATE", WITH_UPDATE), ("INVITE", ())):
        async with line() as on:
            _, callee = await placed(
                on, "Session-Expires: 90;refresher=uac", *allow, username="u", password="p"
            )
            on.clock.advance(45)
            on.peer.answer(await on.peer.request(by), 407, headers=(challenge,))
            if by == "INVITE":
                await on.peer.request("ACK")
            again = await on.peer.request(by)
            assert f'uri="{callee.contact.strip("<>")}"' in again["Proxy-Authorization"]
            on.peer.answer(again, body=SDP if by == "INVITE" else "", headers=timer(90, "uac"))
            if by == "INVITE":
                await on.peer.request("ACK")
            await on.peer.quiet()


async def test_a_refusal_of_our_reinvite_is_acknowledged_along_the_route() -> None:
    async with line() as on:
        dialler, callee = await on.dialled()
        host, port = on.peer.address
        route = f"<sip:{host}:{port};lr>"
        callee.invite.lines.append(f"Record-Route: {route}")
        await callee.answer(headers=("Session-Expires: 90;refresher=uac",))
        await dialler.until("answered")
        on.clock.advance(45)
        again = await on.peer.request("INVITE")
        assert again["Route"] == route
        on.peer.answer(again, 488)
        ack = await on.peer.request("ACK")
        assert (ack["Route"], ack["Via"]) == (route, again["Via"])
        await on.peer.quiet()


async def test_a_callee_answers_that_its_session_is_a_second_long() -> None:
    async with line() as on:
        await placed(on, "Session-Expires: 1;refresher=uac", *WITH_UPDATE)
        on.clock.advance(44)
        await on.peer.quiet()
