"""What becomes of a call when something that it takes for done cannot be done."""

import asyncio
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from onhook import call as machine
from onhook import urls
from onhook.blocks.hangup import HangupRequest
from onhook.call import Job, Limits, State
from onhook.call.works import Saying
from onhook.calls import clock
from onhook.calls.callees import Callee, Route
from onhook.calls.first_leg import IncomingLeg
from onhook.calls.live_call import LiveCall
from onhook.calls.outbound import Outbound, OutboundLeg
from onhook.calls.phone_listener import PhoneListener
from onhook.calls.resources import Resources
from onhook.calls.services import CallServices
from onhook.calls.speaking import PreparedMessage
from onhook.media import sounds
from onhook.media.errors import NotRunning, QueueFull
from onhook.media.stream import Signs, StreamStats
from onhook.message import Gender, Say
from onhook.numbers import E164
from onhook.phone.cause import SipCause
from onhook.phone.inbound.sources import Origin
from onhook.phone.lifecycle import CallState
from onhook.phone.sdp import RemoteMedia, SdpCodec
from onhook.phone.trunk import ShownCaller, Trunk
from onhook.store import CallRecord, StoreError
from phone.peer import line

REQUEST = HangupRequest(session="S", message=(Say("Good bye.", "en", Gender.FEMALE),))


class Leg:
    """A phone that answers every BYE at once."""

    offer = RemoteMedia("127.0.0.1", 4000, (SdpCodec.PCMU,))
    source = ("127.0.0.1", 5060)
    signalling_ips = ("127.0.0.1",)
    sip_call_id = "a@b"
    origin = Origin()
    offers_while_ringing = False
    owes_refusal = False
    listener: PhoneListener

    def __init__(self) -> None:
        self.state = CallState.OFFERED
        self.said: list[object] = []

    def ring(self) -> None:
        self.said.append(180)

    def answer(self, *, ip: str, port: int) -> None:
        self.state = CallState.ANSWERED
        self.said.append(200)

    def reject(self, code: int, **_: object) -> None:
        assert self.state is CallState.OFFERED
        self.state = CallState.ENDED
        self.said.append(code)

    def hangup(self, *_: object) -> None:
        assert self.state is not CallState.OFFERED
        if self.state is not CallState.ENDED:
            self.state = CallState.ENDED
            self.said.append("BYE")
            asyncio.get_running_loop().call_soon(self.listener.hangup_done, SipCause())

    def probe(self, _: object) -> bool:
        return False

    def release(self) -> None:
        """Nobody listens any more."""

    def record(self) -> Any:
        return SimpleNamespace(as_dict=dict)

    number = 1
    once_kept: Any = None

    def kept(self) -> dict[str, object]:
        return {"number": self.number}


class Plane:
    """Media that fails at `broken`."""

    def __init__(self, broken: str, error: type[Exception] = QueueFull) -> None:
        self._broken = broken
        self._error = error

    event_at_hand = 0
    running = False

    def __getattr__(self, name: str) -> Any:
        def act(*_: object, **__: object) -> "Plane":
            if name == self._broken:
                raise self._error("as a test wants it")
            return self

        return act

    def skipped(self, _: int) -> int:
        return 0

    last_pid = 1
    handle = 1
    agreed = None
    port = 20000
    signs = Signs()
    stats_now = StreamStats(**dict.fromkeys(StreamStats._fields, 0))


def services_of(plane: Plane, told: list[str], **others: object) -> CallServices:
    async def allocate(*_: object) -> Resources:
        return Resources(message=PreparedMessage((sounds.beep(),)))

    services = SimpleNamespace(
        plane=plane,
        allocator=SimpleNamespace(allocate=allocate),
        spools=None,
        sealing=None,
        recording=None,
        metrics=SimpleNamespace(ended=lambda by, cause, *_: told.append(f"{by} {cause}")),
        deliver=lambda _: None,
        happened=None,
        trace=None,
        silence_s=0,
        **others,
    )
    return cast(CallServices, services)


METER = cast(Any, SimpleNamespace(follow=lambda *_: None))


def made(broken: str, error: type[Exception] = QueueFull) -> tuple[LiveCall, Leg, list[str]]:
    def write(_session: str, _writes: object, *, on_disk: Any, tried: Any, patient: bool) -> None:
        asyncio.get_running_loop().call_soon(on_disk)
        asyncio.get_running_loop().call_soon(tried, None)

    told: list[str] = []
    services = services_of(
        Plane(broken, error), told, journal=SimpleNamespace(write=write, behind=lambda then: then())
    )
    record = CallRecord("S", "AA-C-1", "A", "main", "", "", "+6531234567", 0, "SGD", "0.020")
    now_s = clock.now_s()
    call, effects = machine.arrive("S", urls.parse("http://127.0.0.1/"), Limits(settle_s=0), now_s)
    leg = Leg()
    first = IncomingLeg(cast(Any, leg), lambda _: "127.0.0.1", audio_from_anywhere=False)
    live = LiveCall(record, call, first, services, METER)
    live.begin(effects, ExitStack())
    return live, leg, told


@pytest.mark.parametrize(
    ("broken", "said"),
    [("open", [180, 500]), ("play", [180, 200, "BYE"]), ("stop", [180, 200, "BYE"])],
)
async def test_what_cannot_be_done_ends_the_call(broken: str, said: list[object]) -> None:
    """Otherwise it would wait for hours for something that never happens, and refuse to be hung up."""
    with capture_logs() as logs:
        live, leg, told = made(broken)
        await asyncio.sleep(0)
        await live.requests.run(REQUEST, clock.now_s())
        if leg.state is CallState.ANSWERED:
            leg.listener.acknowledged(None)
        if broken == "stop":
            live.feed(machine.Shutdown(clock.now_s()))
        async with asyncio.timeout(30):
            while live.now.state is not State.ENDED:
                await asyncio.sleep(0.001)
    assert leg.said == said
    assert len(told) == 1
    assert [line["event"] for line in logs].count("call_broken") == 1


async def test_a_call_answered_while_there_is_no_plane_is_told_to_try_again() -> None:
    with capture_logs() as logs:
        live, leg, told = made("open", NotRunning)
        await asyncio.sleep(0)
        await live.requests.run(REQUEST, clock.now_s())
        async with asyncio.timeout(30):
            while live.now.state is not State.ENDED:
                await asyncio.sleep(0.001)
    assert leg.said == [180, 503]
    assert told == ["system crash"]
    events = [line["event"] for line in logs]
    assert (events.count("call_without_audio"), events.count("call_broken")) == (1, 0)


async def test_what_a_phone_waits_for_leaves_when_what_it_changed_is_on_disk() -> None:
    """The ACK of a description, or the 200 for a key: another process has to know of it by then."""
    written: list[tuple[Any, Any]] = []

    def write(_session: str, writes: Any, *, on_disk: Any, tried: Any, patient: bool) -> None:
        written.append((writes.calls[0].going_on.values, on_disk))

    behind: list[Any] = []
    journal = SimpleNamespace(write=write, behind=behind.append)
    services = services_of(Plane(""), [], journal=journal)
    cast(Any, services).sealing = SimpleNamespace(sealed=dict)
    record = CallRecord("S", "AA-C-1", "A", "main", "", "", "+6531234567", 0, "SGD", "0.020")
    call, effects = machine.arrive(
        "S", urls.parse("http://127.0.0.1/"), Limits(settle_s=0), clock.now_s()
    )
    leg = Leg()
    first = IncomingLeg(cast(Any, leg), lambda _: "127.0.0.1", audio_from_anywhere=False)
    live = LiveCall(record, call, first, services, METER)
    live.begin(effects, ExitStack())
    said: list[str] = []
    leg.number = 2
    leg.once_kept(lambda: said.append("200"))
    going_on, on_disk = written[-1]
    assert going_on["legs"][0]["leg"]["phone"] == {"number": 2}
    assert said == []
    on_disk()
    assert said == ["200"]
    leg.once_kept(
        lambda: said.append("again")
    )  # nothing is new: it goes behind what is being written
    assert len(written) == 2
    for then in behind:
        then()
    assert said == ["200", "again"]


async def test_that_a_peer_let_go_is_written_though_the_end_is_on_disk_just_then() -> None:
    """A record that kept its dialog would have the phone hung up once more after a restart."""
    left: list[bool] = []
    on_disk: list[Any] = []

    def write(_session: str, writes: Any, **told: Any) -> None:
        left.append(writes.calls[0].dialog.left)
        on_disk.append(told["on_disk"])

    journal = SimpleNamespace(write=write, behind=lambda then: then())
    services = services_of(Plane(""), [], journal=journal)
    record = CallRecord("S", "AA-C-1", "A", "main", "", "", "+6531234567", 0, "SGD", "0.020")
    now_s = clock.now_s()
    call, effects = machine.arrive("S", urls.parse("http://127.0.0.1/"), Limits(settle_s=0), now_s)
    leg = Leg()
    first = IncomingLeg(cast(Any, leg), lambda _: "127.0.0.1", audio_from_anywhere=False)
    live = LiveCall(record, call, first, services, METER)
    live.begin(effects, ExitStack())
    rings = first.dialog()
    gone = {"drop": lambda _: None, "release": lambda: None, "kept": lambda: None}
    peer = SimpleNamespace(dialog=lambda: rings, **gone)
    live._performer.peer = cast(Any, peer)
    live.feed(machine.Cancelled(now_s))
    assert (live.now.state, left[-1]) == (State.ENDED, True)
    peer.dialog = lambda: None
    on_disk[-1]()
    live.save_dialog()
    assert left[-1] is False


async def test_a_call_of_ours_that_cannot_be_recorded_is_none_of_the_phone_either() -> None:
    """No INVITE has left, so nothing else would ever end it."""

    def refuse(*_: object, tried: Any, **__: object) -> None:
        asyncio.get_running_loop().call_soon(tried, StoreError("as a test wants it"))

    told: list[str] = []
    journal = SimpleNamespace(write=refuse, forget=lambda _: None, behind=lambda then: then())
    services = services_of(Plane(""), told, journal=journal)
    async with line() as on:
        trunk = Route("trunk", Trunk("127.0.0.1", 5060), ShownCaller("+6531234567"))
        leg = OutboundLeg(Outbound(on.endpoint, on.clock), Callee(E164("+6591112222"), (trunk,)))
        record = CallRecord("S", "AA-C-1", "A", "main", "", "", "", 0, "SGD", "0.020")
        job = Job(1, "dial", work=Saying())
        call, _ = machine.dial("S", job, Limits(), clock.now_s(), ring_s=60, max_s=None)
        held, given_back = ExitStack(), list[str]()
        held.callback(given_back.append, "its place")
        live = LiveCall(record, call, leg, services, METER)
        live.reserve_port(held)
        live.begin((), held)
        assert on.endpoint.live_calls == 1
        async with asyncio.timeout(30):
            while on.endpoint.live_calls:
                await asyncio.sleep(0)
        assert given_back == ["its place"]
