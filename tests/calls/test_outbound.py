"""A call tries one trunk after the other: trunks by hand, on the real endpoint and a clock that is told."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from onhook.calls import clock
from onhook.calls.attempt import LET_GO_S
from onhook.calls.callees import Callee, Route
from onhook.calls.outbound import PATIENCE_S, REST_S, Outbound, OutboundLeg
from onhook.numbers import E164
from onhook.phone import OutgoingCall, ShownCaller, SipCause, Trunk
from onhook.phone.locating.locator import Locator
from phone.peer import SDP, Dialler, Line, Peer, line
from phone.peer import Callee as Phone

NUMBER = E164("+6591112222")
TIMER_B_S = 32.0


@dataclass
class Trunks:
    """An endpoint, and some trunks that are played by hand."""

    on: Line
    peers: list[Peer]
    outbound: Outbound
    owner: Dialler = field(default_factory=Dialler)

    @property
    def callee(self) -> Callee:
        """Somebody whom all trunks lead to."""
        routes = tuple(
            Route(f"trunk{n}", Trunk(*peer.address), ShownCaller(f"+653000000{n}"))
            for n, peer in enumerate(self.peers)
        )
        return Callee(NUMBER, routes)

    def dial(self, on_next: Callable[[], None] | None = None) -> OutboundLeg:
        return self.outbound.dial(self.callee, port=20000, listener=self.owner, on_next=on_next)

    async def asked(self, number: int) -> Phone:
        """The phone behind a trunk, whose INVITE has come."""
        peer = self.peers[number]
        while True:
            message = await peer.receive()
            if message.start.startswith("INVITE"):
                return Phone(peer, message)
            assert message.start.startswith("ACK"), message.start

    async def refuse(self, number: int, status: int) -> None:
        """A trunk gets an INVITE and refuses it."""
        phone = await self.asked(number)
        phone.respond(status)
        await phone.peer.request("ACK")

    async def failed(self) -> SipCause:
        cause = await self.owner.until("failed")
        assert isinstance(cause, SipCause)
        return cause


@asynccontextmanager
async def trunks(count: int) -> AsyncIterator[Trunks]:
    async with line() as on:
        peers = [await on.another_peer() for _ in range(count)]
        yield Trunks(on, peers, Outbound(on.endpoint, on.clock))
        for peer in peers:
            peer.transport.close()


async def starts(peer: Peer) -> list[str]:
    """What came to a peer until now."""
    return [message.start.split()[0] for message in await peer.until_quiet()]


async def test_the_next_trunk_takes_what_the_first_refused() -> None:
    async with trunks(2) as these:
        leg = these.dial()
        await these.refuse(0, 503)
        phone = await these.asked(1)
        assert phone.invite.start.startswith(f"INVITE sip:{NUMBER}@")
        assert phone.invite["P-Asserted-Identity"] == "<sip:+6530000001@127.0.0.1>"
        assert "c=IN IP4 127.0.0.1\r\n" in phone.invite.body
        assert "m=audio 20000 " in phone.invite.body
        dialog = leg.dialog()
        assert dialog is not None
        assert (dialog.trunk, dialog.record.call_id) == ("trunk1", phone.call_id)
        assert dialog.record.destination == these.peers[1].address
        phone.respond(180)
        await phone.answer()
        await these.owner.until("answered")
        leg.hangup()
        phone.peer.answer(await phone.peer.request("BYE"))
        await these.owner.until("hangup_done")
        assert these.owner.names == ["progressed", "answered", "hangup_done"]
        assert these.outbound.counters == {("trunk0", "failed"): 1, ("trunk1", "taken"): 1}


class Known:
    """What is known of trunks (TrunkHealths)."""

    def __init__(self, *bad: str) -> None:
        self.bad = bad
        self.told: list[tuple[str, bool]] = []

    def is_bad(self, name: str) -> bool:
        return name in self.bad

    def noted(self, name: str, *, absent: bool) -> None:
        self.told.append((name, absent))


async def test_a_trunk_that_is_not_well_is_tried_last_and_learns_of_its_calls() -> None:
    async with trunks(2) as these:
        known = Known("trunk0")
        these.outbound = Outbound(these.on.endpoint, these.on.clock, known)
        these.dial()
        await these.refuse(1, 503)
        await these.refuse(0, 486)
        assert (await these.failed()).status == 486
        assert known.told == [("trunk1", True), ("trunk0", False)]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_trunk_in_trouble_is_passed_over(status: int) -> None:
    async with trunks(2) as these:
        these.dial()
        await these.refuse(0, status)
        phone = await these.asked(1)
        phone.respond(486)
        assert (await these.failed()).status == 486
        assert these.owner.names == ["failed"]


@pytest.mark.parametrize("status", [302, 403, 404, 480, 486, 488, 501, 600, 603])
async def test_what_the_called_side_says_no_other_trunk_is_asked(status: int) -> None:
    async with trunks(2) as these:
        leg = these.dial()
        await these.refuse(0, status)
        assert (await these.failed()).status == status
        assert leg.dialog() is None
        assert await starts(these.peers[1]) == []
        assert these.outbound.counters == {("trunk0", "refused"): 1}


async def test_a_phone_that_rang_is_not_rung_again() -> None:
    async with trunks(2) as these:
        these.dial()
        phone = await these.asked(0)
        phone.respond(180)
        await these.owner.until("progressed")
        phone.respond(503)
        assert (await these.failed()).status == 503
        assert await starts(these.peers[1]) == []


async def test_of_trunks_that_all_fail_the_last_one_says_why() -> None:
    async with trunks(3) as these:
        these.dial()
        await these.refuse(0, 503)
        await these.refuse(1, 500)
        await these.refuse(2, 504)
        assert (await these.failed()).status == 504
        assert these.owner.names == ["failed"]


# Trunks that say nothing ------------------------------------------------------------------------


async def test_a_trunk_that_says_nothing_is_given_up_for_the_next() -> None:
    async with trunks(2) as these:
        these.dial()
        late = await these.asked(0)
        these.on.clock.advance(PATIENCE_S)
        phone = await these.asked(1)
        phone.respond(180)
        await these.owner.until("progressed")
        await late.peer.until_quiet()  # the repetitions
        late.respond(180)
        cancel = await late.peer.request("CANCEL")
        assert cancel["Call-ID"] == late.call_id
        late.respond(200, SDP)  # it crosses the CANCEL
        assert set(await starts(late.peer)) == {"ACK", "BYE"}
        assert these.owner.names == ["progressed"]


async def test_a_trunk_that_tries_is_waited_for() -> None:
    async with trunks(2) as these:
        these.dial()
        phone = await these.asked(0)
        phone.respond(100)
        await phone.peer.quiet()
        these.on.clock.advance(PATIENCE_S)
        assert await starts(these.peers[1]) == []
        phone.respond(180)
        await these.owner.until("progressed")


async def test_the_last_trunk_is_waited_for_until_timer_b() -> None:
    async with trunks(1) as these:
        these.dial()
        await these.asked(0)
        these.on.clock.advance(TIMER_B_S - 1)
        await these.on.peer.quiet()
        assert these.owner.names == []
        these.on.clock.advance(1)
        assert (await these.failed()).status == 408


async def test_a_trunk_that_was_not_there_is_tried_last_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = 1000.0
    monkeypatch.setattr(clock, "now_s", lambda: now_s)

    async def tried(these: Trunks) -> str:
        """Which trunk the next call goes to first."""
        these.owner = Dialler()
        leg = these.dial()
        first = leg.trunk
        phone = await these.asked(int(first[-1]))
        phone.respond(486)
        await these.failed()
        await phone.peer.until_quiet()
        return first

    async with trunks(2) as these:
        assert await tried(these) == "trunk0"
        these.owner = Dialler()
        these.dial()
        await these.refuse(0, 503)
        (await these.asked(1)).respond(486)
        await these.failed()
        assert await tried(these) == "trunk1"
        now_s += REST_S / 2
        assert await tried(these) == "trunk1"
        now_s += REST_S / 2
        assert await tried(these) == "trunk0"


async def test_a_trunk_that_takes_no_connection_is_passed_over() -> None:
    with socket.socket() as bound:  # and nobody listens
        bound.bind(("127.0.0.1", 0))
        async with trunks(1) as these:
            closed = Route(
                "closed", Trunk("127.0.0.1", bound.getsockname()[1], "tcp"), ShownCaller("")
            )
            callee = Callee(NUMBER, (closed, *these.callee.routes))
            these.outbound.dial(callee, port=20000, listener=these.owner)
            phone = await these.asked(0)
            phone.respond(180)
            await these.owner.until("progressed")
            assert these.outbound.counters["closed", "failed"] == 1


# Hanging up -------------------------------------------------------------------------------------


async def test_hanging_up_while_the_second_trunk_rings() -> None:
    async with trunks(3) as these:
        leg = these.dial()
        await these.refuse(0, 503)
        phone = await these.asked(1)
        phone.respond(180)
        await these.owner.until("progressed")
        leg.hangup()
        phone.peer.answer(await phone.peer.request("CANCEL"))
        phone.respond(487)
        assert (await these.failed()).status == 487
        assert await starts(these.peers[2]) == []


async def test_hanging_up_before_the_first_trunk_fails() -> None:
    async with trunks(2) as these:
        leg = these.dial()
        phone = await these.asked(0)
        leg.hangup()
        phone.respond(503)
        await these.failed()
        these.on.clock.advance(TIMER_B_S)
        assert await starts(these.peers[1]) == []
        assert these.owner.names == ["failed"]


async def test_a_trunk_that_is_gone_does_not_keep_its_owner_from_ending_the_call() -> None:
    async with trunks(1) as these:
        leg = these.dial()
        late = await these.asked(0)
        leg.hangup()
        these.on.clock.advance(LET_GO_S / 2)
        leg.hangup()  # once more, and no harm
        these.on.clock.advance(LET_GO_S / 2)
        assert (await these.failed()).status == 487
        assert leg.dialog() is None
        assert these.outbound.counters == {("trunk0", "withdrawn"): 1}
        await late.peer.until_quiet()
        late.respond(200, SDP)
        assert set(await starts(late.peer)) == {"ACK", "BYE"}
        assert these.owner.names == ["failed"]


async def test_an_answer_that_crosses_the_hangup_is_hung_up() -> None:
    async with trunks(1) as these:
        leg = these.dial()
        phone = await these.asked(0)
        phone.respond(180)
        await these.owner.until("progressed")
        leg.hangup()
        await phone.peer.request("CANCEL")
        phone.respond(200, SDP)
        await phone.peer.request("ACK")
        phone.peer.answer(await phone.peer.request("BYE"))
        assert (await these.failed()).status == 487
        assert these.owner.names == ["progressed", "failed"]


async def test_an_owner_that_hangs_up_when_it_hears_of_the_next_trunk() -> None:
    async with trunks(2) as these:
        leg = these.dial(on_next=lambda: leg.hangup())
        leg.launch()
        await these.refuse(0, 503)
        assert (await these.failed()).status == 487
        leg.launch()
        assert await starts(these.peers[1]) == []
        assert these.owner.names == ["failed"]


async def test_no_invite_leaves_before_its_owner_has_written_it_down() -> None:
    async with trunks(2) as these:
        written: list[str] = []

        def write() -> None:
            dialog = leg.dialog()
            assert dialog is not None
            written.append(dialog.record.call_id)

        leg = these.dial(on_next=write)
        write()
        assert await starts(these.peers[0]) == []
        leg.launch()
        await these.refuse(0, 503)
        assert await starts(these.peers[1]) == []
        leg.launch()
        phone = await these.asked(1)
        assert len(set(written)) == 2
        assert written[-1] == phone.call_id
        phone.respond(486)
        assert (await these.failed()).status == 486


# No way out -------------------------------------------------------------------------------------


class Cut:
    """An endpoint on a machine whose network is gone (server.outbound.Dialler)."""

    def __init__(self) -> None:
        self.locator = Locator()

    def dial(self, *_: object, **__: object) -> OutgoingCall:
        raise AssertionError("there is no address to dial from")

    def adopt(self, *_: object) -> OutgoingCall:
        raise AssertionError("there is nothing to go on with")

    def launch(self, call: OutgoingCall, on_sent: Callable[[], None] | None = None) -> None:
        raise AssertionError("nothing was dialled")

    def local_address_towards(self, peer: str) -> str:
        raise OSError("no route")


async def test_without_any_route_the_call_fails_once_its_owner_can_hear_it() -> None:
    owner = Dialler()
    route = Route("carrier", Trunk("192.0.2.1"), ShownCaller(""))
    callee = Callee(NUMBER, (route,))
    leg = Outbound(Cut()).dial(callee, port=20000, listener=owner)
    assert owner.names == []
    assert (leg.dialog(), leg.trunk) == (None, "")
    assert not leg.probe(lambda _: None)
    leg.launch()
    leg.hangup()
    cause = await owner.until("failed")
    assert isinstance(cause, SipCause)
    assert cause.status == 503
    await asyncio.sleep(0)
    assert owner.names == ["failed"]
