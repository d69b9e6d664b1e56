"""The state machines by themselves: every edge of every table, then the timers' exact times."""

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from onhook.phone.invite import OutgoingInvite
from onhook.phone.layer import TransactionLayer
from onhook.phone.lifecycle import MOVES, OUTGOING_MOVES, CallEvent, CallState, Moves
from onhook.phone.message import Request, Response, TcpAddress, parse
from onhook.phone.timers import SipTimers
from onhook.phone.transactions import (
    ClientInvite,
    ClientNonInvite,
    ServerInvite,
    ServerNonInvite,
    Transaction,
    TransactionOwner,
    TxEvent,
    TxState,
    Written,
)
from phone.peer import VirtualClock

PEER = ("192.0.2.1", 5060)


class Wire(TransactionOwner):
    """Stands below and above a transaction, and notes what it does."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.sent: list[tuple[float, bytes]] = []
        self.told: list[str] = []
        self.acknowledge: Callable[[], None]

    def send(self, data: bytes, peer: tuple[str, int]) -> None:
        assert peer == PEER
        self.sent.append((self.clock.now_s, data))

    def lingers(self, transaction: Transaction) -> None:
        self.told.append("lingers")

    def terminated(self, transaction: Transaction) -> None:
        self.told.append("terminated")

    def responded(self, response: Response) -> None:
        self.told.append(str(response.status))

    def refused(self, response: Response, acknowledge: Callable[[], None]) -> None:
        self.told.append(str(response.status))
        self.acknowledge = acknowledge

    def unanswered(self, reached: bool) -> None:
        self.told.append("final None" if reached else "final unreached")


def server_invite(wire: Wire) -> ServerInvite:
    made = ServerInvite(
        ("k",), PEER, state=TxState.PROCEEDING, send=wire.send, clock=wire.clock,
        timers=SipTimers(), owner=wire,
    )  # fmt: skip
    made.on_cancel = made.on_unheard = None
    made.on_unacknowledged = lambda: wire.told.append("unacknowledged")
    return made


def server_other(wire: Wire) -> ServerNonInvite:
    return ServerNonInvite(
        ("k",), PEER, state=TxState.TRYING, send=wire.send, clock=wire.clock,
        timers=SipTimers(), owner=wire,
    )  # fmt: skip


def client(wire: Wire) -> ClientNonInvite:
    made = ClientNonInvite(
        ("k",), PEER, state=TxState.TRYING, send=wire.send, clock=wire.clock,
        timers=SipTimers(), owner=wire,
    )  # fmt: skip
    made.start(b"BYE", lambda final: wire.told.append(f"final {final.status if final else None}"))
    return made


SENT = OutgoingInvite("sip:1@h", "<sip:h>;tag=us", "<sip:1@h>", "x", "h:5060", "b", PEER)


def client_invite(wire: Wire) -> ClientInvite:
    made = ClientInvite(
        ("k",), PEER, state=TxState.CALLING, send=wire.send, clock=wire.clock,
        timers=SipTimers(), owner=wire,
    )  # fmt: skip
    made.start(SENT, b"INVITE", wire)
    return made


def invite_response(status: int, tag: str = "t", cseq: int = 1, call_id: str = "x") -> Response:
    headers = {"via": ["SIP/2.0/UDP h:5060"], "call-id": [call_id], "to": [f"<sip:1@h>;tag={tag}"]}
    return Response(status, SENT.branch, "INVITE", headers, b"", "", cseq)


def at(transaction: Transaction, state: TxState) -> bool:
    return transaction.state is state


def final(status: int) -> Response:
    return Response(status, "b", "BYE", {}, b"")


def test_server_invite_accepted_then_acknowledged() -> None:
    wire = Wire()
    transaction = server_invite(wire)
    transaction.respond(180, b"180")
    transaction.handle(TxEvent.REQUEST)
    transaction.respond(200, b"200")
    transaction.respond(486, b"too late")
    assert at(transaction, TxState.ACCEPTED)
    wire.clock.advance(1.6)
    transaction.handle(TxEvent.REQUEST)
    transaction.handle(TxEvent.ACK)
    assert at(transaction, TxState.ACKNOWLEDGED)
    transaction.handle(TxEvent.REQUEST)
    transaction.handle(TxEvent.ACK)
    assert wire.sent == [
        (0, b"180"), (0, b"180"), (0, b"200"), (0.5, b"200"), (1.5, b"200"), (1.6, b"200"),
    ]  # fmt: skip
    assert wire.told == ["lingers"]
    wire.clock.advance(31.9)
    assert at(transaction, TxState.ACKNOWLEDGED)
    wire.clock.advance(0.2)
    assert wire.told == ["lingers", "terminated"]
    assert wire.clock.pending == 0


def test_server_invite_accepted_and_never_acknowledged() -> None:
    wire = Wire()
    transaction = server_invite(wire)
    transaction.respond(200, b"200")
    wire.clock.advance(100)
    assert [at for at, _ in wire.sent] == [
        0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5,
    ]  # fmt: skip
    assert wire.told == ["terminated", "unacknowledged"]
    assert wire.clock.pending == 0


def test_server_invite_refused() -> None:
    wire = Wire()
    transaction = server_invite(wire)
    transaction.respond(404, b"404")
    wire.clock.advance(0.6)
    transaction.handle(TxEvent.REQUEST)
    transaction.handle(TxEvent.ACK)
    assert at(transaction, TxState.CONFIRMED)
    transaction.handle(TxEvent.REQUEST)
    wire.clock.advance(4.9)
    assert at(transaction, TxState.CONFIRMED)
    wire.clock.advance(0.2)
    assert [at for at, _ in wire.sent] == [0, 0.5, 0.6]
    assert wire.told == ["lingers", "terminated"]


def test_server_invite_refused_and_never_acknowledged() -> None:
    wire = Wire()
    server = server_invite(wire)
    server.respond(404, b"404")
    wire.clock.advance(100)
    assert len(wire.sent) == 11
    assert wire.told == ["lingers", "terminated"]


def test_server_other() -> None:
    wire = Wire()
    transaction = server_other(wire)
    transaction.handle(TxEvent.REQUEST)
    transaction.respond(b"200")
    transaction.respond(b"500")
    wire.clock.advance(31.9)
    transaction.handle(TxEvent.REQUEST)
    wire.clock.advance(0.2)
    assert [data for _, data in wire.sent] == [b"200", b"200"]
    assert wire.told == ["lingers", "terminated"]


def test_client_answered() -> None:
    wire = Wire()
    transaction = client(wire)
    wire.clock.advance(0.6)
    transaction.receive(final(200))
    transaction.receive(final(500))
    wire.clock.advance(100)
    assert [at for at, _ in wire.sent] == [0, 0.5]
    assert wire.told == ["lingers", "final 200", "terminated"]


def test_client_goes_on_at_t2_after_a_provisional_response() -> None:
    wire = Wire()
    transaction = client(wire)
    wire.clock.advance(0.6)
    transaction.receive(final(100))
    transaction.receive(final(100))
    wire.clock.advance(9)
    assert [at for at, _ in wire.sent] == [0, 0.5, 4.6, 8.6]
    transaction.receive(final(481))
    assert transaction.state is TxState.COMPLETED
    assert wire.told == ["lingers", "final 481"]


@pytest.mark.parametrize("provisional", [True, False])
def test_client_unanswered(provisional: bool) -> None:
    wire = Wire()
    transaction = client(wire)
    if provisional:
        transaction.receive(final(100))
    wire.clock.advance(100)
    assert wire.told == ["terminated", "final None"]
    assert wire.sent[-1][0] < 32


def test_client_invite_is_repeated_with_no_bound_until_it_times_out() -> None:
    wire = Wire()
    client_invite(wire)
    wire.clock.advance(100)
    assert [at for at, _ in wire.sent] == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert wire.told == ["terminated", "final None"]
    assert wire.clock.pending == 0


def test_client_invite_may_ring_for_minutes_until_it_is_withdrawn() -> None:
    wire = Wire()
    transaction = client_invite(wire)
    transaction.withdraw()  # too early: nothing was heard yet
    transaction.receive(invite_response(100))
    wire.clock.advance(600)
    transaction.receive(invite_response(180))
    assert wire.told == ["100", "180"]
    assert len(wire.sent) == 1
    transaction.withdraw()
    wire.clock.advance(31)
    transaction.receive(invite_response(180))
    assert at(transaction, TxState.PROCEEDING)
    wire.clock.advance(1)
    assert wire.told == ["100", "180", "180", "terminated", "final None"]


def test_client_invite_acknowledges_each_refusal_and_tells_of_one() -> None:
    wire = Wire()
    transaction = client_invite(wire)
    transaction.receive(invite_response(486))
    transaction.receive(invite_response(486))
    assert len(wire.sent) == 1  # its user has not said so yet
    wire.acknowledge()
    transaction.receive(invite_response(486))
    transaction.receive(invite_response(200))
    assert wire.told == ["lingers", "486"]
    _, first, second = [data.decode() for _, data in wire.sent]
    assert first == second
    assert first.startswith(
        "ACK sip:1@h SIP/2.0\r\nVia: SIP/2.0/UDP h:5060;branch=z9hG4bKb.1;rport"
    )
    assert "\r\nTo: <sip:1@h>;tag=t\r\n" in first
    assert "\r\nCSeq: 1 ACK\r\n" in first
    wire.clock.advance(31.9)
    assert at(transaction, TxState.COMPLETED)
    wire.clock.advance(0.2)
    assert wire.told == ["lingers", "486", "terminated"]


def test_client_invite_tells_of_every_success_for_a_while() -> None:
    wire = Wire()
    transaction = client_invite(wire)
    for tag in ("a", "a", "b"):
        transaction.receive(invite_response(200, tag))
    transaction.receive(invite_response(486))
    transaction.receive(invite_response(180))
    assert wire.told == ["lingers", "200", "200", "200"]
    assert len(wire.sent) == 1  # the ACKs are its user's
    wire.clock.advance(33)
    assert wire.told[-1] == "terminated"


@pytest.mark.parametrize(
    "response",
    [
        invite_response(200, cseq=2),
        invite_response(200, call_id="y"),
        Response(200, SENT.branch, "INVITE", {"call-id": ["x"], "via": ["v"]}, b"", "", 1),
        Response(
            200, SENT.branch, "INVITE", {"call-id": ["x"], "via": ["v"], "to": ["<"]}, b"", "", 1
        ),
        Response(
            200, SENT.branch, "INVITE",
            {"call-id": ["x"], "via": ["a", "b"], "to": ["<sip:a>;tag=t"]}, b"", "", 1,
        ),
    ],
)  # fmt: skip
def test_client_invite_drops_what_answers_something_else(response: Response) -> None:
    wire = Wire()
    transaction = client_invite(wire)
    transaction.receive(response)
    assert at(transaction, TxState.CALLING)
    assert wire.told == []


@pytest.mark.parametrize("provisional", [True, False])
def test_a_lost_connection_ends_what_waits_for_it(provisional: bool) -> None:
    wire = Wire()
    layer = TransactionLayer(
        lambda data, peer: None, User(), wire.clock, SipTimers(), max_lingering=3
    )
    there = SENT.towards(TcpAddress(*PEER))
    layer.invite(there, Written(there.destination, "h:5060", b"INVITE"), wire)
    layer.request(
        Written(TcpAddress(*PEER), "h:5060", b"OPTIONS"), branch="z9hG4bKx", method="OPTIONS",
        on_final=lambda final: wire.told.append(f"final {final}"),
    )  # fmt: skip
    layer.invite(SENT.again(), Written(PEER, "h:5060", b"over UDP"), wire)
    if provisional:
        layer.receive(invite_response(180))
    wire.clock.advance(10)
    assert layer.retransmissions == 4  # of the one over UDP
    layer.disconnected(TcpAddress(*PEER), TxEvent.UNREACHABLE)
    assert sorted(wire.told) == [*(["180"] if provisional else []), "final None", "final unreached"]
    assert len(layer) == 1
    layer.close()


@pytest.mark.parametrize("method", ["BYE", "CANCEL"])
def test_what_ends_something_is_tried_again_while_there_is_time(method: str) -> None:
    wire = Wire()
    sent: list[float] = []
    layer = TransactionLayer(
        lambda data, peer: sent.append(wire.clock.now_s), User(), wire.clock, SipTimers(),
        max_lingering=3,
    )  # fmt: skip
    layer.request(
        Written(TcpAddress(*PEER), "h:5060", b"the end"), branch="z9hG4bKx", method=method,
        on_final=lambda final: wire.told.append(f"final {final}"),
    )  # fmt: skip
    for _ in range(3):
        layer.disconnected(TcpAddress(*PEER), TxEvent.UNREACHABLE)
        wire.clock.advance(4)
    assert sent == [0, 4, 8, 12]
    wire.clock.advance(19.9)
    assert sent == [0, 4, 8, 12]  # it is connected, and nothing is repeated
    assert wire.told == []
    layer.disconnected(TcpAddress(*PEER), TxEvent.UNREACHABLE)
    wire.clock.advance(0.2)
    assert wire.told == ["final None"]
    assert wire.clock.pending == 0


def test_more_of_them_than_wait_for_a_connection_all_leave_once_there_is_one() -> None:
    wire, most = Wire(), 200
    sent: list[bytes] = []
    queued: list[bytes] = []
    peer_is_there = connected = False

    def send(data: bytes, peer: tuple[str, int]) -> None:
        """One more than so many that wait spoils the connection that is being made."""
        if connected:
            sent.append(data)
        elif peer_is_there and len(queued) < most:
            queued.append(data)
        else:
            queued.clear()
            layer.disconnected(TcpAddress(*PEER), TxEvent.UNREACHABLE)

    layer = TransactionLayer(send, User(), wire.clock, SipTimers(), max_lingering=3)
    for number in range(250):
        layer.request(
            Written(TcpAddress(*PEER), "h:5060", b"%d" % number), branch=f"z9hG4bK{number}",
            method="BYE", on_final=lambda final: None,
        )  # fmt: skip
    peer_is_there = True
    wire.clock.advance(4)
    connected = bool(queued)
    sent += queued
    wire.clock.advance(4)
    assert sorted(map(int, sent)) == list(range(250))
    layer.close()


@pytest.mark.parametrize("reached", ["nothing", "a 100 and then nothing"])
def test_what_was_moved_to_tcp_goes_by_udp_where_there_is_none_with_all_its_time(
    reached: str,
) -> None:
    wire = Wire()
    sent: list[tuple[float, bytes, bool]] = []
    layer = TransactionLayer(
        lambda data, peer: sent.append((wire.clock.now_s, data, isinstance(peer, TcpAddress))),
        User(), wire.clock, SipTimers(), max_lingering=3,
    )  # fmt: skip
    layer.request(
        Written(TcpAddress(*PEER), "h:1", b"long"), branch="z9hG4bKx", method="BYE",
        on_final=lambda final: wire.told.append(f"final {final}"),
        otherwise=Written(PEER, "h:2", b"long, by UDP"),
    )  # fmt: skip
    if reached != "nothing":
        layer.receive(Response(100, "z9hG4bKx", "BYE", {}, b""))
    wire.clock.advance(4)
    layer.disconnected(TcpAddress(*PEER), TxEvent.UNREACHABLE)
    layer.disconnected(TcpAddress(*PEER), TxEvent.UNREACHABLE)  # that is not its way any more
    wire.clock.advance(31.9)
    by_udp = [4, 4.5, 5.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5, 35.5]
    assert sent == [(0, b"long", True), *((at, b"long, by UDP", False) for at in by_udp)]
    assert wire.told == []
    wire.clock.advance(0.2)
    assert wire.told == ["final None"]
    assert wire.clock.pending == 0


MACHINES = {
    "invite": server_invite,
    "other": server_other,
    "client": client,
    "client_invite": client_invite,
}


@pytest.mark.parametrize("name", MACHINES)
def test_every_edge_can_be_walked_and_ends(name: str) -> None:
    table = MACHINES[name](Wire()).table
    for (state, event), (following, _) in table.items():
        wire = Wire()
        transaction = MACHINES[name](wire)
        transaction.state = state
        transaction.handle(event)
        assert transaction.state is following
    reached = {following for following, _ in table.values()}
    starts = {TxState.CALLING, TxState.TRYING, TxState.PROCEEDING}
    assert {state for state, _ in table} <= reached | starts
    assert TxState.TERMINATED in reached
    assert not [state for state, _ in table if state is TxState.TERMINATED]


@given(
    st.sampled_from(sorted(MACHINES)),
    st.lists(st.sampled_from(list(TxEvent)), max_size=12),
)
@example("client_invite", [TxEvent.REPEAT] * 6)
def test_any_order_of_events_leaves_no_timer_and_tells_once(
    name: str, events: list[TxEvent]
) -> None:
    wire = Wire()
    transaction = MACHINES[name](wire)
    for event in events:
        if not (isinstance(transaction, ServerInvite) and event is TxEvent.PROVISIONAL):
            transaction.handle(event)
        wire.clock.advance(0.3)
    wire.clock.advance(1000)
    assert wire.told.count("terminated") <= 1
    assert wire.told.count("unacknowledged") <= 1
    assert len([told for told in wire.told if told.startswith("final")]) <= 1
    if transaction.state is TxState.TERMINATED:
        assert wire.clock.pending == 0


@pytest.mark.parametrize(
    ("moves", "start"), [(MOVES, CallState.OFFERED), (OUTGOING_MOVES, CallState.DIALLING)]
)
def test_the_calls_tables_let_every_call_end(moves: Moves, start: CallState) -> None:
    """From every state there is a way to ENDED, from ENDED there is none, and all can be reached."""
    states = {state for state, _ in moves} | {CallState.ENDED}
    ends, reached = {CallState.ENDED}, {start}
    for _ in states:
        ends |= {state for (state, _), following in moves.items() if following in ends}
        reached |= {following for (state, _), following in moves.items() if state in reached}
    assert ends == reached == states
    assert all(state is not CallState.ENDED for state, _ in moves)


def test_the_calls_tables_use_every_state_and_event() -> None:
    both = {**MOVES, **OUTGOING_MOVES}
    assert {state for state, _ in both} | {CallState.ENDED} == set(CallState)
    assert {event for _, event in both} == set(CallEvent)


class User:
    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.acks: list[Request] = []

    def requested(self, request: Request) -> None:
        self.requests.append(request)

    def acknowledged(self, request: Request) -> None:
        self.acks.append(request)


def request(method: str, branch: str, sent_by: str = "h:5060") -> Request:
    text = (
        f"{method} sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP {sent_by};branch={branch}\r\n"
        f"From: <sip:c@d>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 1 {method}\r\n\r\n"
    )
    parsed = parse(text.encode(), PEER)
    assert isinstance(parsed, Request)
    return parsed


def test_matching() -> None:
    wire, user = Wire(), User()
    layer = TransactionLayer(wire.send, user, wire.clock, SipTimers(), max_lingering=3)
    invite = request("INVITE", "z9hG4bK1")
    layer.receive(invite)
    transaction = layer.serve_invite(invite)
    layer.receive(request("INVITE", "z9hG4bK1"))
    layer.receive(request("INVITE", "z9hG4bK1", "H:5060"))  # hosts have no case
    layer.receive(request("ACK", "z9hG4bK1"))  # not failed, so it is for the dialog
    assert [len(user.requests), len(user.acks)] == [1, 1]
    assert layer.invite_of(request("CANCEL", "z9hG4bK1")) is transaction
    assert layer.invite_of(request("CANCEL", "z9hG4bK2")) is None
    layer.receive(request("INVITE", "z9hG4bK1", "h:5061"))
    layer.receive(request("BYE", "z9hG4bK1"))
    assert len(user.requests) == 3
    assert layer.is_merged(user.requests[1])
    transaction.respond(404, b"404")
    layer.receive(request("ACK", "z9hG4bK1"))
    assert transaction.state is TxState.CONFIRMED
    assert len(user.acks) == 1
    wire.clock.advance(6)
    assert len(layer) == 0
    assert not layer.is_merged(invite)


def test_lingering_transactions_are_bounded_and_the_oldest_goes_first() -> None:
    wire, user = Wire(), User()
    layer = TransactionLayer(wire.send, user, wire.clock, SipTimers(), max_lingering=3)
    for number in range(10):
        layer.answer(request("BYE", f"z9hG4bK{number}"), b"200")
    assert len(layer) == 3
    layer.receive(request("BYE", "z9hG4bK9"))
    assert user.requests == []
    layer.receive(request("BYE", "z9hG4bK0"))
    assert len(user.requests) == 1
    layer.close()
    assert wire.clock.pending == 0
