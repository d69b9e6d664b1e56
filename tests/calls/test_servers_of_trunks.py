"""A trunk by name has several servers: the next one is tried before the trunk is given up (RFC 3263 4.3)."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from onhook.calls.callees import Callee, Route
from onhook.calls.outbound import PATIENCE_S, SERVER_PATIENCE_S, Outbound
from onhook.numbers import E164
from onhook.phone import DialogRecord, ShownCaller, SipCause, Trunk
from onhook.phone.locating.locator import Locator
from onhook.phone.locating.names import Found, Naptr, Srv
from phone.peer import SDP, Dialler, Line, Message, Peer, line
from phone.peer import Callee as Phone

NUMBER = E164("+6591112222")
CARRIER = Trunk("carrier.test")


class Records:
    """What a name server says; the services are on loopback, in the order of their ports here."""

    def __init__(self, *ports: int, transport: str = "_udp") -> None:
        self.service = f"_sip.{transport}.carrier.test"
        self.ports = ports
        self.asked = 0

    async def naptr(self, name: str) -> Found[Naptr]:
        return Found((), 3600)

    async def srv(self, name: str) -> Found[Srv]:
        self.asked += 1
        ports = self.ports if name == self.service else ()
        records = [Srv(priority, 0, port, "host.test") for priority, port in enumerate(ports)]
        return Found(tuple(records), 3600)

    async def hosts(self, name: str) -> Found[str]:
        return Found(("127.0.0.1",) if name == "host.test" else (), 3600)


class Servers:
    """An endpoint, and the servers of one trunk, played by hand; `second` is another trunk."""

    def __init__(self, on: Line, peers: list[Peer]) -> None:
        self.on = on
        self.peers = peers
        self.owner = Dialler()
        self.outbound = Outbound(on.endpoint, on.clock)
        self.records = Records(*(peer.address[1] for peer in peers))
        on.endpoint.locator = Locator(self.records)

    @property
    def second(self) -> Route:
        return Route("second", Trunk(*self.on.peer.address), ShownCaller(""))

    def dial(self, *more: Route, trunk: Trunk = CARRIER) -> None:
        callee = Callee(NUMBER, (Route("carrier", trunk, ShownCaller("")), *more))
        self.owner = Dialler()
        leg = self.outbound.dial(
            callee, port=20000, listener=self.owner, on_next=lambda: leg.launch()
        )
        leg.launch()

    async def asked(self, number: int) -> Phone:
        return Phone(self.peers[number], await invite_at(self.peers[number]))


async def invite_at(peer: Peer) -> Message:
    while True:
        message = await peer.receive()
        if message.start.startswith("INVITE"):
            return message


@asynccontextmanager
async def servers(count: int) -> AsyncIterator[Servers]:
    async with line() as on:
        peers = [await on.another_peer() for _ in range(count)]
        yield Servers(on, peers)
        for peer in peers:
            peer.transport.close()


async def test_a_server_that_says_nothing_is_left_for_the_next_and_tried_last_afterwards() -> None:
    async with servers(2) as these:
        these.dial()
        silent = await these.asked(0)
        these.on.clock.advance(SERVER_PATIENCE_S)
        phone = await these.asked(1)
        assert phone.call_id != silent.call_id
        assert phone.invite.start == silent.invite.start  # the same is called
        phone.respond(180)
        await phone.answer()
        await these.owner.until("answered")
        assert these.outbound.counters == {("carrier", "taken"): 1}

        these.dial()  # the next call goes to the second at once
        (await these.asked(1)).respond(486)
        await these.owner.until("failed")
        assert these.records.asked == 1

        await silent.peer.until_quiet()
        silent.respond(180)  # it answers late: its phone is not left ringing
        cancel = await silent.peer.request("CANCEL")
        assert cancel["Call-ID"] == silent.call_id


async def test_an_answer_that_comes_too_late_is_hung_up() -> None:
    async with servers(2) as these:
        these.dial()
        late = await these.asked(0)
        these.on.clock.advance(SERVER_PATIENCE_S)
        (await these.asked(1)).respond(180)
        await these.owner.until("progressed")
        await late.peer.until_quiet()
        late.respond(200, SDP)
        starts = [message.start.split()[0] for message in await late.peer.until_quiet()]
        assert starts == ["ACK", "BYE"]
        assert these.owner.names == ["progressed"]


async def test_a_server_that_says_503_rests_for_as_long_as_it_asks() -> None:
    async with servers(2) as these:
        these.dial()
        first = await these.asked(0)
        first.respond(503, headers=("Retry-After: 120 (busy)",))
        phone = await these.asked(1)
        phone.respond(486)
        assert await failed(these) == 486
        locator = these.on.endpoint.locator
        assert locator.servers_of(CARRIER) == (these.peers[1].address, these.peers[0].address)
        assert these.outbound.counters == {("carrier", "refused"): 1}


@pytest.mark.parametrize("status", [500, 502, 504, 408])
async def test_trouble_behind_a_server_is_no_affair_of_the_next_server(status: int) -> None:
    async with servers(2) as these:
        these.dial(these.second)
        (await these.asked(0)).respond(status)
        Phone(these.on.peer, await invite_at(these.on.peer)).respond(486)
        assert await failed(these) == 486
        await these.peers[1].quiet()


async def test_a_server_that_takes_no_connection_is_left_at_once() -> None:
    with socket.socket() as bound:  # and nobody listens
        bound.bind(("127.0.0.1", 0))
        async with servers(1) as these:
            closed = bound.getsockname()[1]
            these.on.endpoint.locator = Locator(Records(closed, closed, transport="_tcp"))
            with capture_logs() as logged:
                these.dial(these.second, trunk=Trunk("carrier.test", transport="tcp"))
                Phone(these.on.peer, await invite_at(these.on.peer)).respond(486)
                assert await failed(these) == 486
            events = [one["event"] for one in logged]
            assert "sip_server_resting" in events
            assert "trunk_failed" in events


async def test_when_no_server_of_a_trunk_is_there_the_next_trunk_is_tried() -> None:
    async with servers(2) as these:
        these.dial(these.second)
        await these.asked(0)
        these.on.clock.advance(SERVER_PATIENCE_S)
        await these.asked(1)
        these.on.clock.advance(PATIENCE_S)
        Phone(these.on.peer, await invite_at(these.on.peer)).respond(486)
        assert await failed(these) == 486
        assert these.outbound.counters["carrier", "failed"] == 1


async def test_a_call_that_was_left_behind_is_cancelled_at_every_server_of_its_trunk() -> None:
    async with servers(2) as these:
        call = these.on.dial(host="carrier.test", port=None, at_once=False).call
        record = DialogRecord.from_dict(call.record().as_dict())  # before anything was looked up
        these.on.endpoint.launch(call)
        invite = (await these.asked(0)).invite
        these.on.clock.advance(40)  # its own process has forgotten it
        await these.peers[0].until_quiet()
        done: list[SipCause] = []
        these.on.endpoint.hangup_orphan(record, done.append, CARRIER)
        assert record.pending_out is not None
        vias = []
        for peer in these.peers:
            for _ in range(record.pending_out.last):  # each INVITE that there may have been
                cancel = await peer.request("CANCEL")
                vias.append(cancel["Via"])
                peer.answer(cancel, 481)
        while not done:
            await asyncio.sleep(0.001)
        assert vias[0] == invite["Via"]
        assert len(set(vias)) == len(vias)
        assert done == [SipCause(481)]


async def failed(these: Servers) -> int | None:
    cause = await these.owner.until("failed")
    assert isinstance(cause, SipCause)
    return cause.status
