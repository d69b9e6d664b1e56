"""What an attacker tries with calls that are placed, passed on, recorded and joined: each gets a clear no."""

import asyncio
import json
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from urllib.parse import urlencode

import aiohttp
import pytest

from acceptance.accounts import own_account
from acceptance.asking import OK, ask, credentials, heard, rows, sentence
from acceptance.files import LONG, FileServer
from acceptance.harness import Callee, Customer, Onhook, TrunkLine, free_port, know_trunk
from acceptance.talking import records, spools
from onhook.cli import ledger, trunks
from onhook.testing.call_log import How
from onhook.testing.phone import Phone
from onhook.testing.receiver import Notification, Receiver, Reply

PATIENCE_S = 60
_numbers = count(1)
NOWHERE = ["0.0.0.0", "224.0.0.5", "240.0.0.1", "nowhere.invalid"]


@dataclass
class Invite:
    """An INVITE of the server, taken by hand."""

    text: str
    source: tuple[str, int]

    def header(self, name: str) -> str:
        return next(
            line for line in self.text.split("\r\n") if line.lower().startswith(f"{name.lower()}:")
        )

    @property
    def media_port(self) -> int:
        """Where the server wants audio."""
        return int(self.text.split("m=audio ")[1].split()[0])

    def response(self, status: str, sdp: str = "", tag: str = "h", via: str = "") -> bytes:
        lines = [
            f"SIP/2.0 {status}",
            via or self.header("Via"),
            self.header("From"),
            f"{self.header('To')};tag={tag}",
            self.header("Call-ID"),
            self.header("CSeq"),
            "Contact: <sip:h@127.0.0.1:9>",
            "Content-Type: application/sdp",
            f"Content-Length: {len(sdp)}",
        ]
        return "\r\n".join([*lines, "", sdp]).encode()


class Hand:
    """A trunk by hand: it answers what no decent one does."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock

    async def invited(self, number: str) -> Invite:
        """The INVITE to this number. What a test before this one has dialled may still ring here."""
        return await self.until(f"INVITE sip:{number}@")

    async def until(self, start: str, of: Invite | None = None) -> Invite:
        """What comes next that begins so, and is of the call ``of`` this INVITE."""
        loop, call = asyncio.get_running_loop(), of.header("Call-ID") if of else ""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                data, source = await loop.sock_recvfrom(self.socket, 65536)
                if data.startswith(start.encode()) and call in (text := data.decode()):
                    return Invite(text, source)

    def send(self, data: bytes, to: tuple[str, int]) -> None:
        self.socket.sendto(data, to)

    def sdp(self, ip: str, port: int) -> str:
        return (
            f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
        )

    async def answer(self, invite: Invite, ip: str, port: int) -> None:
        """A 200 whose audio is to go there; its Contact is this trunk."""
        own = self.socket.getsockname()
        text = invite.response("200 OK", self.sdp(ip, port)).decode()
        self.send(text.replace("127.0.0.1:9>", f"127.0.0.1:{own[1]}>").encode(), invite.source)
        await self.until("ACK ", invite)

    async def hung_up(self, invite: Invite) -> None:
        """Waits for the BYE, and answers it."""
        bye = await self.until("BYE ", invite)
        kept = [bye.header(name) for name in ("Via", "From", "To", "Call-ID", "CSeq")]
        lines = ["SIP/2.0 200 OK", *kept, "Content-Length: 0", "", ""]
        self.send("\r\n".join(lines).encode(), bye.source)


@asynccontextmanager
async def by_hand(port: int) -> AsyncIterator[Hand]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", port))
        sock.setblocking(False)
        yield Hand(sock)


def another(line: TrunkLine) -> str:
    """A number that was not called before, here or by :class:`Callee`."""
    return f"{line.prefix}9{next(_numbers):05}"


async def dial(customer: Customer, dest: str, **params: str) -> dict[str, str]:
    url = customer.receiver.url("/dial")
    return await customer.post("ivr/start/dial", **{"dest": dest, "notify_url": url, **params})


async def metrics(server: Onhook) -> dict[str, float]:
    """Every figure of /metrics by its name and labels."""
    async with aiohttp.ClientSession() as http, http.get(f"{server.url}/metrics") as reply:
        lines = (await reply.text()).splitlines()
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")
    }


# What a trunk answers ---------------------------------------------------------------------------


@pytest.mark.parametrize("ip", NOWHERE)
async def test_an_answer_that_cannot_be_spoken_to_is_hung_up(
    customer: Customer, line: TrunkLine, ip: str
) -> None:
    number = another(line)
    async with by_hand(line.port) as hand:
        await dial(customer, number)
        invite = await hand.invited(number)
        await hand.answer(invite, ip, 40000)
        await hand.hung_up(invite)
    told = await customer.receiver.next()
    assert (told["call_state"], told["dial_status"], told["debit"]) == ("ended", "failed", "0.000")


@pytest.mark.parametrize("whose", ["sip", "http", "own"])
async def test_audio_that_is_wanted_at_our_own_ports_does_no_harm(
    customer: Customer, line: TrunkLine, files: FileServer, whose: str
) -> None:
    """What a server says to itself ends no call and answers none."""
    msg, number = f"<url>{files.serve('long.wav', LONG)}</url>", another(line)
    async with by_hand(line.port) as hand:
        reply = await dial(customer, number, msg=msg)
        invite = await hand.invited(number)
        ports = {
            "sip": customer.server.sip[1],
            "http": int(customer.server.url.rpartition(":")[2]),
            "own": invite.media_port,
        }
        await hand.answer(invite, "127.0.0.1", ports[whose])
        call, other = await customer.call()
        assert await customer.hangup(other["session"]) == OK
        assert (await call.ended()).how is How.REJECTED
        over = customer.receiver.url("/over")
        forced = await customer.hangup(reply["session"], force="enabled", notify_url=over)
        assert forced == OK
        await hand.hung_up(invite)
    told = await customer.receiver.next(ivr_block="hangup", session=reply["session"])
    assert (told["call_state"], told["cause"]) == ("ended", "forced_hangup")


async def test_megabytes_before_the_answer_are_nobodys_trouble(
    customer: Customer, line: TrunkLine
) -> None:
    """A caller who is passed on to such a phone, and is taken back from it."""
    dest = another(line)
    async with by_hand(line.port) as hand:
        call, told = await customer.call()
        await customer.block("end/transfer", told["session"], dest=dest, on_failure="continue")
        await call.answered()
        invite = await hand.invited(dest)
        early = hand.sdp("127.0.0.1", hand.socket.getsockname()[1])
        hand.send(invite.response("183 Session Progress", early), invite.source)
        for number in range(2000):
            head = (
                b"\x80\x00"
                + (number % 65536).to_bytes(2, "big")
                + (number * 160).to_bytes(4, "big")
            )
            with suppress(BlockingIOError):
                hand.send(head + b"flod" + bytes(1400), ("127.0.0.1", invite.media_port))
            if number % 50 == 0:
                await asyncio.sleep(0)
        hand.send(invite.response("486 Busy Here"), invite.source)
    failed = await customer.receiver.next()
    assert (failed["transfer_status"], failed["call_state"]) == ("busy", "ongoing")
    assert await customer.hangup(told["session"]) == OK
    assert (await call.ended()).how is How.BYE_RECEIVED


async def test_strangers_neither_answer_nor_end_a_call_of_ours(
    customer: Customer, line: TrunkLine
) -> None:
    """Who knows a Call-ID and our tag has neither the branch of the INVITE nor the callee's tag."""
    number = another(line)
    async with by_hand(line.port) as hand, by_hand(0) as stranger:
        reply = await dial(customer, number)
        invite = await hand.invited(number)
        guessed = f"Via: SIP/2.0/UDP {invite.source[0]}:{invite.source[1]};branch=z9hG4bKguess.1"
        port = hand.socket.getsockname()[1]  # audio that nobody else gets
        sdp = hand.sdp("127.0.0.1", port)
        for status in ("200 OK", "486 Busy Here"):
            stranger.send(invite.response(status, sdp, "s", guessed), invite.source)
        hand.send(invite.response("180 Ringing"), invite.source)
        state = "SELECT state FROM calls WHERE session = ?"
        await asyncio.sleep(0.3)
        assert rows(customer.server, state, reply["session"]) == [("dialling",)]
        await hand.answer(invite, "127.0.0.1", port)
        await customer.receiver.next(dial_status="answered")
        for tag in ("s", "H", ""):
            stranger.send(bye_of(invite, tag), invite.source)
        await stranger.until("SIP/2.0 4")
        stranger.send(bye_of(invite, "h"), ("127.0.0.1", invite.media_port))
        await asyncio.sleep(0.2)
        assert customer.receiver.waiting() == []
        assert await customer.hangup(reply["session"]) == OK
        await hand.hung_up(invite)


def bye_of(invite: Invite, tag: str) -> bytes:
    """A BYE as if the callee with this tag had sent it."""
    ours, theirs = invite.header("From"), invite.header("To")
    lines = [
        f"BYE sip:{invite.source[0]}:{invite.source[1]} SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK{secrets.token_hex(8)};rport",
        "Max-Forwards: 70",
        f"From:{theirs.partition(':')[2]}" + (f";tag={tag}" if tag else ""),
        f"To:{ours.partition(':')[2]}",
        invite.header("Call-ID"),
        "CSeq: 7 BYE",
        "Content-Length: 0",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


# What an application asks for --------------------------------------------------------------------


async def test_a_flood_to_a_trunk_that_is_not_there_is_bounded(
    customer: Customer, line: TrunkLine
) -> None:
    """As many as the account may have, however long it takes to ask for them; each of those is told of once
    somebody there says no, and then there is room again."""
    await own_account(customer)
    number = another(line)
    asked = (dial(customer, number, ring_time="180") for _ in range(40))
    replies = await asyncio.gather(*asked)
    accepted = [reply for reply in replies if reply["status"] == "success_ok"]
    assert len(accepted) == 8
    for reply in replies:
        if reply not in accepted:
            assert reply["status"] == "error_concurrent_call_limit_reached"
            sentence(reply)
    async with by_hand(line.port) as hand:
        refused: set[str] = set()
        while len(refused) < len(accepted):  # an INVITE comes again until somebody answers
            invite = await hand.invited(number)
            hand.send(invite.response("486 Busy Here"), invite.source)
            refused.add(invite.header("Call-ID"))
    for reply in accepted:
        told = await customer.receiver.next(session=reply["session"], call_state="ended")
        assert (told["dial_status"], told["debit"]) == ("busy", "0.000")
    assert (await dial(customer, another(line), ring_time="1"))["status"] == "success_ok"
    told = await customer.receiver.next(call_state="ended")
    assert (told["dial_status"], told["debit"]) == ("unanswered", "0.000")


async def test_a_conference_that_cannot_be_whole_calls_nobody(
    customer: Customer, callee: Callee
) -> None:
    """Neither the places of its members are kept, nor those in the room."""
    await own_account(customer)
    ringing = [callee.another() for _ in range(5)]
    for number in ringing:
        assert (await dial(customer, number))["status"] == "success_ok"
    too_many = ",".join(callee.another() for _ in range(4))
    for _ in range(3):
        reply = await customer.post("conference/call", dest=too_many, room="R1")
        assert reply["status"] == "error_concurrent_call_limit_reached"
        sentence(reply)
        unknown = await customer.post("conference/call", dest=f"{too_many},+4930123456", room="R1")
        assert unknown["status"] in (
            "error_concurrent_call_limit_reached",
            "error_dest_not_supported",
        )
    for number in ringing:
        (await callee.phone.incoming(called=number)).reject(486)
        await customer.receiver.next(dest=number)
    members = [callee.another() for _ in range(8)]
    reply = await customer.post("conference/call", dest=",".join(members), room="R1")
    assert reply["status"] == "success_ok"
    for number in members:
        (await callee.phone.incoming(called=number)).reject(486)
    assert {call.called for call in callee.calls} == {*ringing, *members}


async def test_a_conference_without_credit_calls_nobody(customer: Customer, callee: Callee) -> None:
    """The account can pay for the first member only."""
    account_id = await own_account(customer)
    await ledger.credit_account(customer.server.data, account_id, "0.030")
    one, other = callee.another(), callee.another()
    reply = await customer.post("conference/call", dest=f"{one},{other}")
    assert reply["status"] == "error_insufficient_credit"
    assert (await dial(customer, one))["status"] == "success_ok", "nothing is held for the others"
    (await callee.phone.incoming(called=one)).reject(486)
    await customer.receiver.next(dest=one)
    assert [call.called for call in callee.calls] == [one]


async def test_a_call_that_is_passed_on_to_itself_goes_round_as_often_as_it_may(
    start: Callable[..., Onhook], receiver: Receiver, phone: Phone
) -> None:
    """Each round is one more call of the account. When the caller hangs up, all of them are over."""
    sip = f"127.0.0.1:{free_port()}"
    server = start(sip=sip)
    await trunks.add(server.data, trunks.Given("loop", sip, prefix="+65"))
    await asyncio.to_thread(know_trunk, server, "loop")
    customer = await Customer.make(server, receiver, phone)
    statuses: list[str] = []

    async def pass_on(told: Notification) -> Reply:
        if told["call_state"] == "ringing":
            asked = {"session": told["session"], "dest": customer.number}
            statuses.append((await customer.post("ivr/end/transfer", **asked))["status"])
        return Reply()

    receiver.handler = pass_on
    call = await phone.call(customer.number, server=server.sip)
    async with asyncio.timeout(60):
        while "error_concurrent_call_limit_reached" not in statuses:
            await asyncio.sleep(0.05)
    assert statuses == ["success_ok"] * 8 + ["error_concurrent_call_limit_reached"]
    await call.hang_up()
    async with asyncio.timeout(60):
        while any(
            value
            for name, value in (await metrics(server)).items()
            if name.startswith(("onhook_calls{", "onhook_media_streams", "onhook_media_ports_used"))
        ):
            await asyncio.sleep(0.05)
    assert await asyncio.to_thread(server.stop) == 0


async def test_a_dest_of_pauses_only_can_be_hung_up(customer: Customer, callee: Callee) -> None:
    number = callee.another()
    call, told = await customer.call()
    session = told["session"]
    reply = await customer.post("ivr/end/transfer", session=session, dest=number + "," * 65)
    assert reply["status"] == "error_dest_invalid"
    sentence(reply)
    await customer.block("end/transfer", session, dest=number + "," * 64)
    peer = await callee.phone.incoming(called=number)
    await peer.answer()
    assert await customer.hangup(session, force="enabled") == OK
    assert (await peer.ended()).how is How.BYE_RECEIVED
    assert (await call.ended()).how is How.BYE_RECEIVED


@pytest.mark.parametrize("end", ["\r\nX-Evil: 1", "\nX-Evil: 1", "\r\n\r\nINVITE", ">;x=<"])
async def test_nothing_of_a_request_becomes_a_header(
    customer: Customer, callee: Callee, end: str
) -> None:
    number = callee.another()
    for params, status in (
        ({"dest": number + end}, "error_dest_invalid"),
        ({"dest": number, "caller_id": customer.number + end}, "error_caller_id_invalid"),
    ):
        reply = await dial(customer, **params)
        assert reply["status"] == status
        sentence(reply)
    assert callee.calls == []
    assert (await dial(customer, number, tag="t" + end))["status"] == "success_ok"
    call = await callee.phone.incoming(called=number)
    assert "Evil" not in str(call.invite.headers)
    call.reject(486)
    assert (await customer.receiver.next())["tag"] == "t" + end


async def test_nobody_shows_the_number_of_another_account(
    customer: Customer, callee: Callee
) -> None:
    other = await Customer.make(customer.server, customer.receiver, customer.phone)
    await own_account(other)
    call, told = await customer.call()
    number = callee.another()
    for path, params in (
        ("ivr/start/dial", {"dest": number}),
        ("voice/call", {"dest1": number, "dest2": callee.another()}),
        ("conference/call", {"dest": number}),
        ("voice/conference", {"dest": number}),
        ("ivr/end/transfer", {"session": told["session"], "dest": number}),
    ):
        stolen = await customer.post(path, caller_id=other.number, **params)
        assert stolen["status"] == "error_caller_id_invalid", path
        sentence(stolen)
    assert callee.calls == []
    assert not call.is_over()


async def test_the_calls_of_another_account_are_out_of_reach(customer: Customer) -> None:
    """By session and by reference; also those that are over."""
    other = await Customer.make(customer.server, customer.receiver, customer.phone)
    await own_account(other)
    call, told = await customer.call()
    session, reference = told["session"], told["txn_ref"]
    url = customer.receiver.url()
    everything = {"msg": "Hi.", "dest": "room:R1", "notify_url": url}
    for path in (
        "middle/play", "middle/gather", "middle/record", "middle/monitor", "middle/hold",
        "middle/unhold", "end/transfer", "end/hangup",
    ):  # fmt: skip
        reply = await other.post(f"ivr/{path}", session=session, **everything)
        assert reply["status"] == "error_session_access_denied", path
        sentence(reply)
    for path in ("voice/hangup", "voice/query_status", "conference/moderate"):
        reply = await other.post(path, txn_ref=reference, action="kick")
        assert reply["status"] == "error_txn_ref_access_denied", path
        sentence(reply)
    assert not call.is_over()
    assert customer.receiver.waiting() == []
    assert await customer.hangup(session) == OK
    await call.ended()
    for path in ("voice/hangup", "voice/query_status"):
        reply = await other.post(path, txn_ref=reference)
        assert reply["status"] == "error_txn_ref_access_denied", path


async def test_nobody_is_moderated_before_it_is_in_its_room(
    customer: Customer, callee: Callee
) -> None:
    number = callee.another()
    reply = await customer.post("conference/call", dest=number)
    member = await callee.phone.incoming(called=number)
    reference = reply["txn_refs"][0]
    for action in ("kick", "mute", "unmute"):
        asked = {"txn_ref": reference, "action": action}
        moderated = await customer.post("conference/moderate", **asked)
        assert moderated["status"] == "error_not_in_conference"
    assert not member.is_over()
    member.reject(486)


@pytest.mark.parametrize(
    "path",
    [
        "", ".", "..", "../onhook.db", "%2e%2e%2fonhook.db", "..%2fonhook.db", "%2e%2e/onhook.db",
        "....//onhook.db", "..%5conhook.db", "/etc/passwd", "%2fetc%2fpasswd", "..%2fonhook.db%00.mp3",
        "..%2f..%2f..%2fetc%2fpasswd%00.mp3", "A" * 32 + ".mp3", "A" * 32 + ".pcm", "A" * 9000 + ".mp3",
        "%c0%ae%c0%ae%2fonhook.db.mp3", "*.mp3",
    ],
)  # fmt: skip
async def test_no_file_but_a_recording_is_served(server: Onhook, path: str) -> None:
    answer = await ask(server, "GET", path=f"/recordings/{path}")
    assert answer.http_status in (400, 404)
    assert b"SQLite" not in answer.body
    assert b"root:" not in answer.body


async def test_the_samples_of_a_recording_are_not_served(customer: Customer) -> None:
    """While it is being recorded they lie beside the mp3s, under a name that its owner knows."""
    before = spools(customer.server)
    call, told = await customer.call()
    await customer.block("middle/record", told["session"])
    await call.answered()
    await heard(call, 10)
    await records(customer.server, before)
    for spool in spools(customer.server) - before:
        answer = await ask(customer.server, "GET", path=f"/recordings/{spool.name}")
        assert answer.http_status == 404
        assert spool.stat().st_mode & 0o077 == 0
    assert not call.is_over()


ODD = (
    "", "\0", "\r\nX: y", "-1", "0", "1e99", "9" * 400, "../../etc/passwd", "<url>",
    "\u202e\U0001f4a9" * 40, "'; DROP TABLE calls; --", "room:", "room:" + "x" * 5000, "x" * 5000,
    "enabled",
)  # fmt: skip


async def test_every_parameter_at_once_is_refused_with_a_documented_status(
    customer: Customer, callee: Callee
) -> None:
    """Each endpoint gets every parameter that any endpoint knows, all of them odd."""
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{customer.server.url}/openapi.json") as reply:
            document = await reply.json()
        call, told = await customer.call()
        names = parameters(document) - {"app_id", "access_token"}
        assert {"dest", "digits", "max_digits", "room", "txn_ref", "caller_id"} & names
        for path in (path for path in document["paths"] if path.startswith("/open/")):
            for odd in ODD:
                params = {**dict.fromkeys(names, odd), **credentials(customer)}
                for session in (told["session"], odd):
                    body = urlencode({**params, "session": session})
                    answer = await ask(customer.server, "POST", path=path, body=body.encode())
                    assert answer.http_status == 200
                    status = answer.json["status"]
                    assert status != "error_internal_server_error", (path, odd)
                    assert status in json.dumps(document["paths"][path]), (path, status)
        assert callee.calls == []
    assert call.log.received(200) == [] or call.is_over()


def parameters(document: dict[str, object]) -> set[str]:
    """The names of all parameters of all endpoints of an OpenAPI document."""
    found: set[str] = set()

    def look(part: object) -> None:
        if isinstance(part, list):
            for one in part:
                look(one)
        elif isinstance(part, dict):
            if "in" in part and isinstance(part.get("name"), str):
                found.add(part["name"])
            for one in part.values():
                look(one)

    look(document)
    return found
