"""What a trunk's options make of an INVITE and of what follows it, as the trunk itself sees it."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from onhook.phone import (
    CallState,
    IncomingCall,
    RemoteMedia,
    SdpCodec,
    ShownCaller,
    SipCause,
    Trunk,
)
from onhook.phone.errors import NoCommonCodec
from onhook.phone.message import Request, parse
from onhook.phone.outline import Outline
from onhook.phone.uris import sip_uri
from phone.peer import SDP, Callee, Caller, Line, Message, line

CALLER = ShownCaller("+6531234567")
HIDDEN = ShownCaller("+6531234567", private=True)


async def invite_of(on: Line, **given: Any) -> Message:
    _, callee = await on.dialled(**given)
    return callee.invite


@pytest.mark.parametrize(
    ("form", "called", "caller"),
    [
        ("plus", "+6591112222", "+6531234567"),
        ("e164", "6591112222", "6531234567"),
        ("national:65", "91112222", "31234567"),
        ("national:49", "006591112222", "006531234567"),
        ("national:1", "0116591112222", "0116531234567"),
    ],
)
async def test_numbers_as_the_trunk_writes_them(form: str, called: str, caller: str) -> None:
    async with line() as on:
        invite = await invite_of(on, number_format=form)
        host, port = on.peer.address
        assert invite.start == f"INVITE sip:{called}@{host}:{port} SIP/2.0"
        assert invite["To"] == f"<sip:{called}@{host}:{port}>"
        assert invite["From"].startswith(f"<sip:{caller}@127.0.0.1>;tag=")
        assert invite["P-Asserted-Identity"] == f"<sip:{caller}@127.0.0.1>"


async def test_what_is_no_number_stays_as_it_is() -> None:
    async with line() as on:
        assert (await invite_of(on, called="*21#", number_format="e164")).start.startswith(
            "INVITE sip:*21%23@"
        )


@pytest.mark.parametrize(
    ("given", "sender", "asserted"),
    [
        ({"from_user": "shop"}, "<sip:shop@127.0.0.1>", "<sip:+6531234567@127.0.0.1>"),
        (
            {"from_domain": "sip.example.com"},
            "<sip:+6531234567@sip.example.com>",
            "<sip:+6531234567@sip.example.com>",
        ),
        (
            {"from_user": "shop", "from_domain": "2001:db8::1", "number_format": "e164"},
            "<sip:shop@[2001:db8::1]>",
            "<sip:6531234567@[2001:db8::1]>",
        ),
        ({"from_user": "shop", "caller": ShownCaller("")}, "<sip:shop@127.0.0.1>", None),
        (
            {"caller": HIDDEN},
            '"Anonymous" <sip:anonymous@anonymous.invalid>',
            "<sip:+6531234567@127.0.0.1>",
        ),
        (
            {"caller": HIDDEN, "from_user": "shop", "from_domain": "example.com"},
            '"Anonymous" <sip:shop@example.com>',
            "<sip:+6531234567@example.com>",
        ),
    ],
)
async def test_whom_from_names(given: dict[str, Any], sender: str, asserted: str | None) -> None:
    async with line() as on:
        invite = await invite_of(on, **{"caller": CALLER, **given})
        assert invite["From"].partition(";tag=")[0] == sender
        assert invite.all("P-Asserted-Identity") == ([asserted] if asserted else [])
        preferred = [asserted] if asserted and "from_user" in given else []
        assert invite.all("P-Preferred-Identity") == preferred


@pytest.mark.parametrize(
    ("given", "privacy", "anonymous"),
    [
        ({}, [], False),
        ({"caller": HIDDEN}, ["id"], True),
        ({"privacy": "id"}, ["id"], True),
        ({"privacy": "header,session"}, ["header;session"], False),
        ({"privacy": "user,id,critical", "caller": HIDDEN}, ["user;id;critical"], True),
        ({"privacy": "header", "caller": HIDDEN}, ["header;id"], True),
    ],
)
async def test_privacy(given: dict[str, Any], privacy: list[str], anonymous: bool) -> None:
    async with line() as on:
        invite = await invite_of(on, **given)
        assert invite.all("Privacy") == privacy
        assert ("anonymous.invalid" in invite["From"]) == anonymous
        assert ("6531234567" in invite["From"]) != anonymous


async def test_further_headers_are_in_every_invite_and_nothing_else() -> None:
    async with line() as on:
        headers = (("X-Account", "7"), ("X-Branch", "a, b"))
        dialler, first = await on.dialled(headers=headers, username="u", password="p")
        first.respond(401, headers=('WWW-Authenticate: Digest realm="r", nonce="1"',))
        await on.peer.request("ACK")
        second = Callee(on.peer, await on.peer.request("INVITE"))
        for invite in (first.invite, second.invite):
            assert [invite["X-Account"], invite["X-Branch"]] == ["7", "a, b"]
        ack = await second.answer()
        dialler.call.hangup()
        bye = await on.peer.request("BYE")
        assert ack.all("X-Account") == bye.all("X-Account") == []


async def test_an_outbound_proxy_is_the_first_of_the_route() -> None:
    async with line() as on:
        host, port = on.peer.address
        proxy = f"sip:{host}:{port}"
        given = {"host": "sip.example.invalid", "port": None, "outbound_proxy": proxy}
        dialler, callee = await on.dialled(**given, username="u", password="p")
        invite = callee.invite
        route = [f"<sip:{host}:{port};lr>"]
        assert invite.start == "INVITE sip:+6591112222@sip.example.invalid SIP/2.0"
        assert invite["To"] == "<sip:+6591112222@sip.example.invalid>"
        assert invite.all("Route") == route
        callee.respond(407, headers=('Proxy-Authenticate: Digest realm="r", nonce="1"',))
        refused = await on.peer.request("ACK")
        assert (refused.all("Route"), refused.start.split()[1]) == (route, invite.start.split()[1])
        second = Callee(on.peer, await on.peer.request("INVITE"))
        assert second.invite.all("Route") == route
        second.respond(180)
        await dialler.until("progressed")
        dialler.call.hangup()
        cancel = await on.peer.request("CANCEL")
        assert (cancel.all("Route"), cancel["Via"]) == (route, second.invite["Via"])


async def test_the_proxy_s_own_route_is_that_of_the_dialog() -> None:
    async with line() as on:
        host, port = on.peer.address
        given = {"host": "sip.example.invalid", "port": None, "outbound_proxy": f"{host}:{port}"}
        dialler, callee = await on.dialled(**given)
        record = f"<sip:{host}:{port};lr;id=7>"
        ack = await callee.answer(headers=(f"Record-Route: {record}",))
        assert ack.all("Route") == [record]
        await dialler.until("answered")
        dialler.call.hangup()
        assert (await on.peer.request("BYE")).all("Route") == [record]


async def test_a_withdrawn_call_is_cancelled_by_its_route_after_a_restart() -> None:
    async with line() as on:
        host, port = on.peer.address
        given = {"host": "sip.example.invalid", "port": None, "outbound_proxy": f"{host}:{port}"}
        dialler, _ = await on.dialled(**given)
        record = type(dialler.call.record()).from_dict(dialler.call.record().as_dict())
        assert record == dialler.call.record()
        assert record.pending_out is not None
        assert b"\r\nRoute: <sip:" in record.pending_out.cancel()


@pytest.mark.parametrize(
    ("codecs", "offered", "agreed"),
    [
        (("PCMA",), "8 101", SdpCodec.PCMA),
        (("PCMU",), "0 101", SdpCodec.PCMU),
        (("PCMA", "PCMU"), "8 0 101", SdpCodec.PCMA),
        (("PCMU", "PCMA"), "0 8 101", SdpCodec.PCMU),
        ((), "0 8 101", SdpCodec.PCMA),  # the callee prefers it
    ],
)
async def test_codecs_in_the_offer(codecs: tuple[str, ...], offered: str, agreed: SdpCodec) -> None:
    async with line() as on:
        dialler, callee = await on.dialled(codecs=codecs)
        assert f"m=audio 20000 RTP/AVP {offered}\r\n" in callee.invite.body
        await callee.answer()
        media = await dialler.until("answered")
        assert isinstance(media, RemoteMedia)
        assert media.codecs[0] is agreed


async def test_an_answer_with_another_codec_ends_the_call() -> None:
    async with line() as on:
        dialler, callee = await on.dialled(codecs=("PCMU",))
        only_alaw = SDP.replace("m=audio 40000 RTP/AVP 8 0 101", "m=audio 40000 RTP/AVP 8")
        assert only_alaw != SDP
        callee.respond(200, only_alaw)
        await on.peer.request("ACK")
        on.peer.answer(await on.peer.request("BYE"))
        cause = await dialler.until("failed")
        assert isinstance(cause, SipCause)
        assert cause.status == 488
        assert dialler.call.state is CallState.ENDED


# A call to us, whose trunk is known.


async def test_codecs_in_the_answer_and_credentials_for_the_bye() -> None:
    def answer(call: IncomingCall) -> None:
        call.take_trunk(Trunk("h", username="onhook", password="s3cret", codecs=("PCMU",)))
        assert call.offer is not None
        assert call.offer.codecs == (SdpCodec.PCMU,)
        call.answer(ip="127.0.0.1", port=20000)

    async with line(answer) as on:
        caller = Caller(on.peer)
        final = await caller.established()
        assert "m=audio 20000 RTP/AVP 0 101\r\n" in final.body
        caller.within("INVITE", body=SDP)  # which prefers the other one
        assert "RTP/AVP 0 101\r\n" in (await on.peer.status(200)).body
        caller.ack()
        on.owner.call.hangup()
        bye = await on.peer.request("BYE")
        asked = 'Proxy-Authenticate: Digest realm="r", nonce="1", algorithm=SHA-256'
        names = ("Via", "From", "To", "Call-ID", "CSeq")
        echoed = [one for one in bye.lines if one.split(":")[0] in names]
        on.peer.send("\r\n".join(["SIP/2.0 407 No", *echoed, asked]) + "\r\n\r\n")
        again = await on.peer.request("BYE")
        assert 'username="onhook", realm="r"' in again["Proxy-Authorization"]
        on.peer.answer(again)
        assert await on.owner.until("hangup_done") == SipCause(200)


async def test_a_caller_with_none_of_the_codecs() -> None:
    refused: list[str] = []

    def refuse(call: IncomingCall) -> None:
        with pytest.raises(NoCommonCodec) as error:
            call.take_trunk(Trunk("h", codecs=("PCMU",)))
        refused.append(str(error.value))
        call.reject(488)

    async with line(refuse, trying=False) as on:
        only_alaw = SDP.replace("m=audio 40000 RTP/AVP 8 0 101", "m=audio 40000 RTP/AVP 8")
        on.peer.send(Caller(on.peer).invite(body=only_alaw))
        await on.peer.status(488)
        assert refused == ["no PCMU offered"]


# Whatever an operator writes.

TEXT = (
    st.text(max_size=20)
    | st.text("aA0.-_:@<>[]%;,=\"' \r\n\t\\/+*\x00\x7fé", max_size=24)
    | st.text("ab01-_.!~*'()&=+$,;?/%", min_size=1, max_size=9)
    | st.from_regex(
        r"(sips?:)?(a@)?([a-c.-]{1,9}|\[[0-9a:.]{2,9}\]|[0-9.]{7,9})(:[0-9]{1,5})?(;[a-z=;]{1,19})?"
    )
)


@given(
    TEXT,
    TEXT,
    TEXT,
    TEXT,
    TEXT,
    TEXT,
    st.sampled_from(["plus", "e164", "national:49", "national:1"]),
)
@example("_a.b_", "", "b_", "", "", "", "plus")
def test_nothing_that_is_taken_for_a_trunk_breaks_its_invite(
    host: str, from_user: str, domain: str, proxy: str, name: str, value: str, form: str
) -> None:
    """Each option by itself: an INVITE has as many lines as with none."""
    plain = len(written(Trunk("h")).split(b"\r\n"))
    tried: tuple[tuple[dict[str, Any], int], ...] = (
        ({"host": host}, 0),
        ({"from_user": from_user}, 1),
        ({"from_domain": domain}, 0),
        ({"outbound_proxy": proxy}, 1),
        ({"headers": ((name, value),)}, 1),
        ({"number_format": form}, 0),
    )
    for given_, more in tried:
        try:
            trunk = Trunk(**{"host": "h", **given_})
        except ValueError:
            continue
        if not any(given_.values()):
            continue
        lines = written(trunk).split(b"\r\n")
        assert len(lines) == plain + more, given_
        assert not any(b"\r" in line or b"\n" in line or b"\x00" in line for line in lines)
        read = parse(written(trunk), ("127.0.0.1", 5060))
        assert isinstance(read, Request), given_
        assert sip_uri(read.uri).host
        assert sip_uri(read.sender.uri).host


def written(trunk: Trunk) -> bytes:
    outline = Outline(trunk, "+6591112222", CALLER, "call", "tag", "token")
    sent = outline.sent(outline.destination, "192.0.2.1:5060")
    return sent.write(outline.headers(sent.sent_by, "<sip:192.0.2.1:5060>", "Onhook"), b"")
