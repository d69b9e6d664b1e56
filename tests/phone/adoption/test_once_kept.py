"""What no other process could know of leaves when it is on disk: should this one die before, the peer repeats
what led to it, and the next one has it."""

from collections.abc import Callable

import pytest

from onhook.phone import IncomingCall, OutgoingCall, RemoteMedia, Trunk
from onhook.phone.locating.locator import Locator
from onhook.phone.locating.names import Found, Naptr, Srv
from onhook.phone.waiting import PATIENCE_S
from phone.adoption.succession import Kept, Succession, kept_of, succession
from phone.peer import SDP, Caller, Owner

MOVED = SDP.replace("40000", "40002")
ENDS_OF_AN_INVITE = [(200, SDP, "answered"), (486, "", "failed")]
KEY = {"content_type": "application/dtmf-relay", "body": "Signal=5\r\nDuration=100\r\n"}


class Servers:
    """What a name server says of a trunk: it has two servers on loopback, one as good as the other."""

    def __init__(self, *ports: int) -> None:
        self.ports = ports

    async def naptr(self, name: str) -> Found[Naptr]:
        return Found((), 3600)

    async def srv(self, name: str) -> Found[Srv]:
        ports = self.ports if name == "_sip._udp.carrier.test" else ()
        return Found(tuple(Srv(1, 1, port, "host.test") for port in ports), 3600)

    async def hosts(self, name: str) -> Found[str]:
        return Found(("127.0.0.1",) if name == "host.test" else (), 3600)


class Disk:
    """Keeps what a call keeps, and writes when it is told to."""

    def __init__(self, call: IncomingCall | OutgoingCall) -> None:
        self.call = call
        self.written: Kept = kept_of(call)
        self._waiting: list[tuple[Kept, Callable[[], None]]] = []
        call.once_kept = self._once_kept

    def _once_kept(self, then: Callable[[], None]) -> None:
        self._waiting.append((kept_of(self.call), then))

    @property
    def asked(self) -> bool:
        """Whether something waits to be written."""
        return bool(self._waiting)

    def write(self) -> None:
        waiting, self._waiting = self._waiting, []
        for kept, then in waiting:
            self.written = kept
            then()

    def lose(self) -> Kept:
        """What is on disk when the process dies before anything more is."""
        return self.written


def trunk_of(on: Succession) -> Trunk:
    return Trunk(*on.peer.address)


async def talking(on: Succession) -> tuple[Caller, Disk]:
    caller = Caller(on.peer)
    await caller.established()
    return caller, Disk(on.owner.call)


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
async def test_another_address_is_agreed_to_when_it_is_written(method: str) -> None:
    async with succession() as on:
        caller, disk = await talking(on)
        caller.within(method, body=MOVED)
        await on.peer.quiet()
        assert isinstance(await on.owner.until("media_moved"), RemoteMedia)
        disk.write()
        await on.peer.status(200)
        if method == "INVITE":
            caller.ack()
            await on.peer.quiet()


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
async def test_another_address_that_was_not_written_is_agreed_to_by_the_next_process(
    method: str,
) -> None:
    async with succession() as on:
        caller, disk = await talking(on)
        text = caller.within(method, body=MOVED)
        await on.owner.until("media_moved")
        after = await on.followed_in(disk.lose())
        on.peer.send(text)
        await on.peer.status(200)
        media = await after.until("media_moved")
        assert isinstance(media, RemoteMedia) and media.port == 40002
        if method == "INVITE":
            caller.ack()


@pytest.mark.parametrize("written", [True, False])
async def test_a_digit_is_heard_once_whether_it_was_written_or_not(*, written: bool) -> None:
    async with succession() as on:
        caller, disk = await talking(on)
        text = caller.within("INFO", **KEY)
        await on.owner.until("digit")
        await on.peer.quiet()
        if written:
            disk.write()
            await on.peer.status(200)
        heard = on.owner.names.count("digit") if written else 0
        after: Owner = await on.followed_in(disk.lose())
        on.peer.send(text)
        await on.peer.status(200)
        assert heard + after.names.count("digit") == 1


@pytest.mark.parametrize(("status", "sdp", "told"), ENDS_OF_AN_INVITE)
async def test_a_final_response_is_acknowledged_when_it_is_written(
    status: int, sdp: str, told: str
) -> None:
    async with succession() as on:
        dialler, callee = await on.dialled()
        disk = Disk(dialler.call)
        text = callee.respond(status, sdp)
        await dialler.until(told)
        if told == "failed":
            dialler.call.release()
        await on.peer.quiet()
        on.peer.send(text)
        await on.peer.quiet()
        disk.write()
        await on.peer.request("ACK")
        on.peer.send(text)
        await on.peer.request("ACK")


@pytest.mark.parametrize(("status", "sdp", "told"), ENDS_OF_AN_INVITE)
async def test_a_final_response_that_was_not_written_is_acknowledged_by_the_next_process(
    status: int, sdp: str, told: str
) -> None:
    async with succession() as on:
        dialler, callee = await on.dialled()
        callee.respond(180)
        await dialler.until("progressed")
        disk = Disk(dialler.call)
        text = callee.respond(status, sdp)
        await dialler.until(told)
        await on.peer.quiet()
        after = await on.followed_out(disk.lose(), trunk_of(on))
        on.peer.send(text)
        await on.peer.request("ACK")
        await after.until(told)


async def test_an_owner_that_hangs_up_at_once_acknowledges_first() -> None:
    async with succession() as on:
        dialler, callee = await on.dialled()
        disk = Disk(dialler.call)
        callee.respond(200, SDP)
        await dialler.until("answered")
        dialler.call.hangup()
        await on.peer.request("ACK")
        on.peer.answer(await on.peer.request("BYE"))
        await dialler.until("hangup_done")
        disk.write()
        await on.peer.quiet()


async def test_a_disk_that_does_not_write_holds_nothing_up_for_long() -> None:
    async with succession() as on:
        caller, disk = await talking(on)
        caller.within("INFO", **KEY)
        await on.peer.quiet()
        on.clock.advance(PATIENCE_S)
        await on.peer.status(200)
        disk.write()
        await on.peer.quiet()


async def test_an_answer_to_a_challenge_leaves_when_it_is_written() -> None:
    challenge = 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"'
    async with succession() as on:
        dialler, callee = await on.dialled(username="user", password="secret")
        disk = Disk(dialler.call)
        callee.respond(401, headers=(challenge,))
        await on.peer.request("ACK")
        await on.peer.quiet()
        disk.write()
        assert (await on.peer.request("INVITE"))["CSeq"] == "2 INVITE"


async def test_a_call_that_is_taken_back_answers_no_challenge_any_more() -> None:
    challenge = 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"'
    async with succession() as on:
        dialler, callee = await on.dialled(username="user", password="secret")
        disk = Disk(dialler.call)
        callee.respond(401, headers=(challenge,))
        await on.peer.request("ACK")
        dialler.call.hangup()
        disk.write()
        await dialler.until("failed")
        await on.peer.quiet()
        assert on.endpoint.live_calls == 0


async def test_an_offer_in_the_ringing_is_settled_when_the_answer_is_written() -> None:
    def ring(call: IncomingCall) -> None:
        call.ring("127.0.0.1", 20000)

    async with succession(ring) as on:
        caller = Caller(on.peer)
        await caller.ringing(body="", headers=("Require: 100rel",))
        ringing = await on.peer.status(180)
        caller.to_tag = ringing.to_tag
        disk = Disk(on.owner.call)
        headers = (f"RAck: {ringing['RSeq']} 1 INVITE",)
        text = caller.within("PRACK", headers=headers, body=SDP)
        await on.peer.quiet()
        after = await on.followed_in(disk.lose())
        await on.peer.status(180)
        on.peer.send(text)
        await on.peer.status(200)
        after.call.answer(ip="127.0.0.1", port=20000)
        await on.peer.status(200)
        caller.ack(cseq=1)
        media = await after.until("acknowledged")
        assert isinstance(media, RemoteMedia) and media.port == 40000


@pytest.mark.parametrize("written", [True, False])
async def test_a_bye_is_answered_when_the_end_is_written(*, written: bool) -> None:
    async with succession() as on:
        caller, disk = await talking(on)
        text = caller.within("BYE")
        await on.owner.until("hung_up")
        on.peer.send(text)
        await on.peer.quiet()
        if written:
            disk.write()
            await on.peer.status(200)
            on.peer.send(text)
            await on.peer.status(200)
        else:
            on.clock.advance(PATIENCE_S / 2)
            after = await on.followed_in(disk.lose())
            on.peer.send(text)
            await on.peer.status(200)
            await after.until("hung_up")


async def test_the_server_that_gets_the_call_is_written_before_it_does() -> None:
    """Of several the next process might choose another one: then two phones would ring."""
    async with succession() as on:
        other = await on.another_peer()
        on.endpoint.locator = Locator(Servers(on.peer.address[1], other.address[1]))
        dialler = on.dial(host="carrier.test", port=None, at_once=False)
        disk = Disk(dialler.call)
        on.endpoint.launch(dialler.call)
        while not disk.asked:
            await on.peer.quiet()
        disk.write()
        went_to = dialler.call.destination
        chosen, free = (on.peer, other) if went_to == on.peer.address else (other, on.peer)
        first = await chosen.request("INVITE")
        after = await on.followed_out(disk.lose(), Trunk("carrier.test"))
        on.endpoint.locator = Locator(Servers(free.address[1]))
        on.endpoint.launch(after.call)
        assert (await chosen.request("INVITE")).data == first.data
        await free.quiet()
        after.call.hangup()
