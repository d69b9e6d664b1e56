"""Encrypted audio in calls (RFC 4568): offered, answered, changed in mid-call, and never given up again."""

import base64
import re

import pytest

from onhook.phone import IncomingCall, RemoteMedia
from onhook.phone.errors import SdpError
from onhook.phone.srtp.crypto import Agreed, Suite
from phone.peer import SDP, Caller, Heard, Message, leave_ringing, line

THEIRS = bytes(range(30))
ANOTHER = bytes(range(30, 60))
SAVP = SDP.replace("RTP/AVP", "RTP/SAVP")


def inline(master: bytes) -> str:
    return base64.b64encode(master).decode()


def crypto(master: bytes = THEIRS, tag: int = 1, bits: int = 80) -> str:
    return f"a=crypto:{tag} AES_CM_128_HMAC_SHA1_{bits} inline:{inline(master)}\r\n"


def lines(message: Message) -> list[tuple[int, str, bytes]]:
    """The crypto lines of a message: tag, suite and key."""
    found = re.findall(r"a=crypto:(\d+) (\S+) inline:(\S+)\r\n", message.body)
    return [(int(tag), suite, base64.b64decode(key)) for tag, suite, key in found]


def transport(message: Message) -> str:
    return message.body.partition("m=audio ")[2].split()[1]


def agreed(media: RemoteMedia | None) -> Agreed:
    assert media is not None and media.srtp is not None
    return media.srtp


async def moved(heard: Heard) -> RemoteMedia:
    media = await heard.until("media_moved")
    assert isinstance(media, RemoteMedia)
    heard.heard.clear()
    return media


# Calls to us ----------------------------------------------------------------------------------


@pytest.mark.parametrize("offer", [SDP, SAVP, SDP.replace("RTP/AVP", "RTP/SAVPF")])
async def test_an_offer_with_a_key_is_answered_with_one(offer: str) -> None:
    async with line() as on:
        caller = Caller(on.peer)
        final = await caller.established(body=offer + crypto(tag=5) + crypto(ANOTHER, 6, 32))
        assert final.body.partition("m=audio 20000 ")[2].split()[0] in offer
        [(tag, suite, ours)] = lines(final)
        assert (tag, suite) == (5, Suite.SHA1_80.value)
        keys = agreed(on.owner.call.offer)
        assert (keys.receive.master, keys.send.master) == (THEIRS, ours)
        assert keys.answered and ours != THEIRS


async def test_the_first_line_that_can_be_used_is_taken() -> None:
    async with line() as on:
        unknown = crypto(tag=1).replace("SHA1_80", "SHA1_99")
        broken = crypto(tag=2).replace("\r\n", " UNENCRYPTED_SRTCP\r\n")
        caller = Caller(on.peer)
        final = await caller.established(body=SAVP + unknown + broken + crypto(tag=3, bits=32))
        assert [(tag, suite) for tag, suite, _ in lines(final)] == [(3, Suite.SHA1_32.value)]


@pytest.mark.parametrize("keys", ["", crypto().replace("_80", "_99"), crypto() + crypto(ANOTHER)])
async def test_an_encrypted_offer_without_a_key_for_us(keys: str) -> None:
    async with line() as on:
        Caller(on.peer).invite(body=SAVP + keys)
        refused = await on.peer.status(488)
        assert "no crypto attribute that can be used" in refused["Warning"]


@pytest.mark.parametrize("first", [SDP, SAVP + crypto()])
async def test_of_two_streams_the_encrypted_one_is_taken(first: str) -> None:
    """As some offer who can do without: the same audio twice."""
    second = SAVP + crypto() if first is SDP else SDP
    offer = first + second[second.index("m=audio") :]
    async with line() as on:
        final = await Caller(on.peer).established(body=offer)
        ports = re.findall(r"m=audio (\d+) RTP/(\w+)", final.body)
        assert [port for port, kind in ports if kind == "SAVP"] == ["20000"]
        assert [port for port, kind in ports if kind == "AVP"] == ["0"]
        agreed(on.owner.call.offer)


async def test_what_cannot_be_read_beside_plain_audio_is_passed_over() -> None:
    async with line() as on:
        final = await Caller(on.peer).established(body=SDP + crypto().replace("inline", "outline"))
        assert not lines(final)
        assert on.owner.call.offer and on.owner.call.offer.srtp is None


def off(call: IncomingCall) -> None:
    call.secure("off")
    call.answer(ip="127.0.0.1", port=20000)


def require(call: IncomingCall) -> None:
    try:
        call.secure("require")
    except SdpError as error:
        call.reject(error.status, str(error))
    else:
        call.answer(ip="127.0.0.1", port=20000)


async def test_where_it_is_off_a_key_beside_plain_audio_is_passed_over() -> None:
    async with line(off) as on:
        final = await Caller(on.peer).established(body=SDP + crypto())
        assert not lines(final)
        assert on.owner.call.offer and on.owner.call.offer.srtp is None


async def test_where_it_is_required_nothing_else_is_taken() -> None:
    async with line(require) as on:
        Caller(on.peer).invite()
        await on.peer.status(100)
        refused = await on.peer.status(488)
        assert "in the clear" in refused["Warning"]
        assert lines(await Caller(on.peer).established(body=SDP + crypto()))


async def test_a_call_without_an_offer_is_offered_keys() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        offered = await caller.answered(body="")
        assert transport(offered) == "RTP/AVP"
        (_, _, ours), _ = lines(offered)
        caller.ack(body=SDP + crypto())
        answer = await on.owner.until("acknowledged")
        assert isinstance(answer, RemoteMedia)
        keys = agreed(answer)
        assert (keys.send.master, keys.receive.master, keys.answered) == (ours, THEIRS, False)


# In mid-call ----------------------------------------------------------------------------------


async def test_a_refresh_changes_nothing() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        before = lines(await caller.established(body=SAVP + crypto()))
        caller.within("INVITE", body=SAVP + crypto())
        assert lines(await on.peer.status(200)) == before
        keys = agreed(await moved(on.owner))
        assert keys == agreed(on.owner.call.offer)
        caller.ack(cseq=2)
        caller.within("INVITE", body="")  # our offer has what is in use
        ours = await on.peer.status(200)
        assert (lines(ours), transport(ours)) == (before, "RTP/SAVP")


async def test_a_peer_that_takes_another_key() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        [(_, _, before)] = lines(await caller.established(body=SAVP + crypto()))
        caller.within("INVITE", body=SAVP + crypto(ANOTHER, tag=2, bits=32))
        [(tag, suite, after)] = lines(await on.peer.status(200))
        assert (tag, suite) == (2, Suite.SHA1_32.value) and after != before
        keys = agreed(await moved(on.owner))
        assert (keys.receive.master, keys.send.master, keys.answered) == (ANOTHER, after, True)


@pytest.mark.parametrize("offer", [SDP, SAVP, SAVP + crypto().replace("_80", "_99")])
@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
async def test_a_peer_that_would_go_on_in_the_clear(offer: str, method: str) -> None:
    """488, and the call goes on as it was."""
    async with line() as on:
        caller = Caller(on.peer)
        before = lines(await caller.established(body=SAVP + crypto()))
        caller.within(method, body=offer)
        await on.peer.status(488)
        caller.within("UPDATE", body=SAVP + crypto())
        assert lines(await on.peer.status(200)) == before


async def test_a_call_in_the_clear_may_become_encrypted() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        assert not lines(await caller.established())
        caller.within("INVITE", body="")  # what is not in use is not offered later on
        assert not lines(await on.peer.status(200))
        caller.ack(body=SDP, cseq=2)
        await moved(on.owner)
        caller.within("INVITE", body=SDP + crypto())
        assert lines(await on.peer.status(200))
        agreed(await moved(on.owner))


async def test_a_hold_keeps_the_keys() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        before = lines(await caller.established(body=SAVP + crypto()))
        for way in (SAVP.replace("sendrecv", "sendonly") + crypto(), SAVP.replace("40000", "0")):
            caller.within("UPDATE", body=way)
            await on.peer.status(200)
            assert agreed(await moved(on.owner)) == agreed(on.owner.call.offer)
        caller.within("UPDATE", body=SAVP + crypto())
        assert lines(await on.peer.status(200)) == before


# Calls of ours --------------------------------------------------------------------------------


async def test_a_trunk_that_prefers_is_offered_keys_that_may_be_passed_over() -> None:
    async with line() as on:
        _, callee = await on.dialled(srtp="prefer")
        assert transport(callee.invite) == "RTP/AVP"
        assert [tag for tag, _, _ in lines(callee.invite)] == [1, 2]
        dialler, callee = await on.dialled(srtp="prefer")
        await callee.answer()
        media = await dialler.until("answered")
        assert isinstance(media, RemoteMedia) and media.srtp is None


async def test_a_trunk_that_requires_is_offered_nothing_else() -> None:
    async with line() as on:
        dialler, callee = await on.dialled(srtp="require")
        assert transport(callee.invite) == "RTP/SAVP"
        _, (_, _, ours) = lines(callee.invite)
        await callee.answer(SAVP + crypto(tag=2, bits=32))
        media = await dialler.until("answered")
        assert isinstance(media, RemoteMedia)
        keys = agreed(media)
        assert (keys.send.master, keys.receive.master, keys.suite) == (
            ours,
            THEIRS,
            Suite.SHA1_32.value,
        )


async def test_a_trunk_that_is_off_is_offered_none() -> None:
    async with line() as on:
        _, callee = await on.dialled()
        assert not lines(callee.invite) and transport(callee.invite) == "RTP/AVP"


@pytest.mark.parametrize(
    ("srtp", "answer"),
    [
        ("require", SDP),
        ("require", SAVP),
        ("prefer", SDP + crypto(tag=9)),
        ("prefer", SDP + crypto(tag=2)),
        ("prefer", SAVP),
        ("off", SAVP + crypto()),
    ],
)
async def test_an_answer_that_is_not_what_was_agreed_ends_the_call(srtp: str, answer: str) -> None:
    async with line() as on:
        dialler, callee = await on.dialled(srtp=srtp)
        await callee.answer(answer)
        on.peer.answer(await on.peer.request("BYE"))
        await dialler.until("failed")


async def test_the_keys_are_the_same_after_a_challenge() -> None:
    async with line() as on:
        _, callee = await on.dialled(srtp="require", username="u", password="p")
        before = lines(callee.invite)
        challenge = 'WWW-Authenticate: Digest realm="r", nonce="n"'
        callee.respond(401, headers=(challenge,))
        await on.peer.request("ACK")
        again = await on.peer.request("INVITE")
        assert lines(again) == before


async def test_early_media_is_encrypted_and_what_follows_as_well() -> None:
    async with line() as on:
        dialler, callee = await on.dialled(srtp="prefer")
        callee.respond(183, SDP + crypto())
        progress = await dialler.until("progressed")
        assert isinstance(progress, tuple)
        early = agreed(progress[1])
        await callee.answer(SDP + crypto())
        media = await dialler.until("answered")
        assert isinstance(media, RemoteMedia)
        assert agreed(media) == early
        dialler, callee = await on.dialled(srtp="prefer")
        callee.respond(183, SDP + crypto())
        await dialler.until("progressed")
        await callee.answer()  # without a key, all at once
        on.peer.answer(await on.peer.request("BYE"))
        await dialler.until("failed")


async def test_whoever_is_called_may_take_another_key() -> None:
    async with line() as on:
        dialler, callee = await on.dialled(srtp="prefer")
        await callee.answer(SDP + crypto())
        await dialler.until("answered")
        callee.within("UPDATE", body=SDP + crypto(ANOTHER))
        assert lines(await on.peer.status(200))
        assert agreed(await moved(dialler)).receive.master == ANOTHER
        callee.within("UPDATE", body=SDP)
        await on.peer.status(488)


async def test_no_key_is_kept_for_a_later_process() -> None:
    """The record is there to end a call; nothing of its audio outlives the process."""
    async with line(leave_ringing) as on:
        caller = Caller(on.peer)
        caller.invite(body=SAVP + crypto())
        await on.peer.status(100)
        while not on.owners:
            await on.peer.until_quiet()
        records = [str(on.owner.call.record().as_dict())]
        on.owner.call.answer(ip="127.0.0.1", port=20000)
        final = await on.peer.status(200)
        records.append(str(on.owner.call.record().as_dict()))
        dialler, callee = await on.dialled(srtp="require")
        assert dialler.call
        records.append(str(dialler.call.record().as_dict()))
        keys = [THEIRS, *(key for _, _, key in (*lines(final), *lines(callee.invite)))]
        assert not any(inline(key) in record for key in keys for record in records)
