"""Trunks over TCP, and peers that connect to us."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from unittest.mock import patch

import pytest
import uvloop

from onhook.phone import IncomingCall, SipCause
from onhook.phone.message import Request, TcpAddress, parse
from onhook.phone.tcp import MAX_OF_A_STRANGER, MAX_STRANGERS
from phone.peer import (
    LOOPBACK,
    PATIENCE_S,
    SDP,
    Callee,
    Dialler,
    Line,
    TcpPeer,
    answer_at_once,
    leave_ringing,
    line,
)

UNREACHABLE = SipCause(503, None, "no connection")


@asynccontextmanager
async def tcp_line(
    then: Callable[[IncomingCall], None] = answer_at_once,
) -> AsyncIterator[tuple[Line, TcpPeer]]:
    """An endpoint and a trunk over TCP."""
    async with line(then) as on:
        trunk = await on.tcp_peer()
        try:
            yield on, trunk
        finally:
            await trunk.close()


def dial(on: Line, trunk: TcpPeer) -> Dialler:
    return on.dial(host=trunk.address[0], port=trunk.address[1], transport="tcp")


async def dialled(on: Line, trunk: TcpPeer) -> tuple[Dialler, Callee]:
    dialler = dial(on, trunk)
    callee = Callee(trunk, await trunk.request("INVITE"))
    callee.contact = callee.contact.replace(">", ";transport=tcp>")
    return dialler, callee


async def talking(on: Line, trunk: TcpPeer) -> tuple[Dialler, Callee]:
    dialler, callee = await dialled(on, trunk)
    callee.respond(200, SDP)
    await trunk.request("ACK")
    await dialler.until("answered")
    return dialler, callee


async def a_call() -> None:
    async with tcp_line() as (on, trunk):
        dialler, callee = await dialled(on, trunk)
        ours = f"127.0.0.1:{on.endpoint.address[1]}"
        assert callee.invite.start.endswith(";transport=tcp SIP/2.0")
        assert callee.invite["Via"].startswith(f"SIP/2.0/TCP {ours};branch=z9hG4bK")
        assert callee.invite["Contact"] == f"<sip:{ours};transport=tcp>"
        assert isinstance(dialler.call.destination, TcpAddress)
        on.clock.advance(10)
        await trunk.connected()
        callee.respond(180)
        callee.respond(200, SDP)
        ack = await trunk.request("ACK")  # nothing was repeated meanwhile
        assert ack["Via"].startswith("SIP/2.0/TCP")
        await dialler.until("answered")
        callee.within("INFO", body="5", content_type="application/dtmf")
        await trunk.status(200)
        callee.within("INVITE", body=SDP)
        assert (await trunk.status(200))["Contact"] == f"<sip:{ours};transport=tcp>"
        callee.within("ACK", cseq=callee.cseq)
        dialler.call.hangup()
        bye = await trunk.request("BYE")
        assert bye["Via"].startswith("SIP/2.0/TCP")
        on.clock.advance(8)
        trunk.answer(bye)
        assert await dialler.until("hangup_done") == SipCause(200)
        assert len(trunk.connections) == 1
        assert dialler.names == ["progressed", "answered", "digit", "media_moved", "hangup_done"]


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_call_on_either_loop(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(a_call())


async def test_calls_share_a_connection_and_segments_may_be_cut_anywhere() -> None:
    async with tcp_line() as (on, trunk):
        first, one = await dialled(on, trunk)
        second, other = await dialled(on, trunk)
        assert len(trunk.connections) == 1
        write = trunk.connections[0].transport.write
        with patch.object(trunk, "send") as sent:
            for callee in (one, other):
                callee.respond(180)
                callee.respond(200, SDP)
        stream = "\r\n".join(call.args[0] for call in sent.call_args_list).encode()
        for start in range(0, len(stream), 7):
            write(stream[start : start + 7])
            await asyncio.sleep(0)
        for _ in range(2):
            await trunk.request("ACK")
        for dialler in (first, second):
            assert dialler.names == ["progressed", "answered"]


async def test_the_trunk_is_not_there() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        async with line() as on:
            dialler = on.dial(port=port, transport="tcp")
            assert dialler.names == []
            text = "no connection: Connection refused"
            assert await dialler.until("failed") == SipCause(503, None, text)
            assert on.endpoint.live_calls == 0


async def test_the_trunk_does_not_accept() -> None:
    """Its backlog is full, so a connection is neither made nor refused."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with socket.create_connection(full.getsockname()):
            async with line() as on:
                dialler = on.dial(port=full.getsockname()[1], transport="tcp")
                await asyncio.sleep(0.05)
                if dialler.names == []:
                    on.clock.advance(4)
                text = "no connection within 4 s"
                assert await dialler.until("failed") == SipCause(503, None, text)


async def test_the_trunk_hangs_up_the_connection_at_once() -> None:
    async with tcp_line() as (on, trunk):
        dialler = dial(on, trunk)
        (await trunk.connected()).transport.abort()
        assert await dialler.until("failed") == UNREACHABLE
        await trunk.gone()


async def test_the_connection_is_lost_while_it_rings() -> None:
    async with tcp_line() as (on, trunk):
        dialler, callee = await dialled(on, trunk)
        callee.respond(180)
        await dialler.until("progressed")
        trunk.connections[0].transport.abort()
        assert await dialler.until("failed") == UNREACHABLE
        assert (await trunk.request("CANCEL"))["Via"] == callee.invite["Via"]


async def test_a_connection_that_was_idle_is_made_again() -> None:
    async with tcp_line() as (on, trunk):
        dialler, _ = await talking(on, trunk)
        trunk.connections[0].transport.abort()
        await trunk.gone()
        dialler.call.hangup()
        trunk.answer(await trunk.request("BYE"))
        assert await dialler.until("hangup_done") == SipCause(200)


async def test_a_request_that_was_on_a_lost_connection_is_sent_once_more() -> None:
    async with tcp_line() as (on, trunk):
        dialler, _ = await talking(on, trunk)
        dialler.call.hangup()
        bye = await trunk.request("BYE")
        trunk.connections[0].transport.abort()
        again = await trunk.request("BYE")
        assert again.data == bye.data
        trunk.answer(again)
        assert await dialler.until("hangup_done") == SipCause(200)


@asynccontextmanager
async def hung_up_with_nobody_there(
    on: Line, trunk: TcpPeer
) -> AsyncIterator[tuple[Dialler, socket.socket]]:
    """A call whose peer is gone when it is hung up, and the place where it could be there again."""
    dialler, callee = await dialled(on, trunk)
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        callee.contact = f"<sip:127.0.0.1:{place.getsockname()[1]};transport=tcp>"
        callee.respond(200, SDP)
        await dialler.until("answered")
        trunk.connections[0].transport.abort()
        await on.disconnected()
        dialler.call.hangup()
        await on.disconnected()
        assert "hangup_done" not in dialler.names
        yield dialler, place


async def test_the_trunk_is_gone_when_the_call_is_hung_up() -> None:
    async with tcp_line() as (on, trunk), hung_up_with_nobody_there(on, trunk) as (dialler, _):
        for _ in range(8):
            await on.disconnected()
            on.clock.advance(4)
        assert await dialler.until("hangup_done") == SipCause(408)


async def test_the_trunk_is_there_again_a_moment_after_the_call_was_hung_up() -> None:
    async with tcp_line() as (on, trunk), hung_up_with_nobody_there(on, trunk) as (dialler, place):
        again = TcpPeer(trunk.server)
        await again.listen_at(place)
        on.clock.advance(4)
        again.answer(await again.request("BYE"))
        assert await dialler.until("hangup_done") == SipCause(200)
        await again.close()


async def test_a_call_is_taken_back_over_tcp() -> None:
    async with tcp_line() as (on, trunk):
        dialler, callee = await dialled(on, trunk)
        callee.respond(180)
        await dialler.until("progressed")
        dialler.call.hangup()
        cancel = await trunk.request("CANCEL")
        assert cancel["Via"] == callee.invite["Via"]
        trunk.answer(cancel)
        callee.respond(487)
        assert (await trunk.request("ACK"))["Via"] == callee.invite["Via"]
        await dialler.until("failed")


async def test_an_orphan_is_ended_over_tcp() -> None:
    async with tcp_line() as (on, trunk):
        dialler, callee = await talking(on, trunk)
        record = dialler.call.record()
        assert record.as_dict()["destination"] == ["127.0.0.1", trunk.address[1], "tcp"]
        read = type(record).from_dict(record.as_dict())
        async with line() as after:
            done: list[SipCause] = []
            after.endpoint.hangup_orphan(read, done.append)
            bye = await trunk.request("BYE")
            assert bye["Via"].startswith("SIP/2.0/TCP")
            trunk.answer(bye)
            await trunk.quiet()
            assert done == [SipCause(200)]
        assert callee.call_id == read.call_id


async def test_a_stream_that_makes_no_sense_ends_the_connection() -> None:
    async with tcp_line() as (on, trunk):
        dialler, _ = await dialled(on, trunk)
        trunk.send(b"SIP/2.0 200 OK\r\nContent-Length: 99999999\r\n\r\n")
        assert await dialler.until("failed") == UNREACHABLE
        await trunk.gone()
        dial(on, trunk)  # and the next call makes a new one
        await trunk.request("INVITE")


async def test_a_connection_is_kept_alive_and_pings_are_answered() -> None:
    async with tcp_line() as (on, trunk):
        await talking(on, trunk)
        trunk.send(b"\r\n\r\n")
        await trunk.quiet()
        assert trunk.pings == 1
        on.clock.advance(61)
        await trunk.quiet()
        assert trunk.pings == 2  # two of them in one segment
        assert on.endpoint.counters["keepalives"] == 1


async def test_a_connection_that_nobody_uses_any_more_is_closed() -> None:
    """Not while there is a call, however long nothing is said of it."""
    async with tcp_line() as (on, trunk):
        dialler, callee = await talking(on, trunk)
        on.clock.advance(1000)
        await trunk.quiet()
        dialler.call.hangup()
        trunk.answer(await trunk.request("BYE"))
        await dialler.until("hangup_done")
        on.clock.advance(100)
        await trunk.quiet()
        assert len(trunk.connections) == 1
        on.clock.advance(121)
        on.clock.advance(121)
        await trunk.gone()
        assert on.endpoint.live_calls == 0
        await talking(on, trunk)  # and is made again when there is something to say
        assert callee.call_id


async def test_a_peer_that_does_not_read_is_dropped() -> None:
    """Long before the kernel takes it for one that has vanished: each response is 10 kB long."""
    vias = tuple(f"Via: SIP/2.0/TCP far.example;branch=z9hG4bK{'x' * 150}{i}" for i in range(50))
    async with tcp_line() as (on, trunk):
        _, callee = await talking(on, trunk)
        side = await trunk.connected()
        side.transport.pause_reading()
        ping = callee.within("OPTIONS", headers=vias)
        flood = "".join(ping.replace("branch=z9hG4bK", f"branch=z9hG4bK{n}") for n in range(10))
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not side.transport.is_closing() and on.endpoint.counters["unsent"] == 0:
                    side.transport.write(flood.encode())
                    await asyncio.sleep(0.001)
        finally:
            side.transport.resume_reading()
        assert on.endpoint.counters["unsent"] > 0


# Peers that connect to us.


async def test_a_phone_calls_over_tcp() -> None:
    async with tcp_line() as (on, phone):
        await phone.connect()
        text = phone.text(
            "INVITE", body=SDP, headers=("Contact: <sip:me@192.168.1.1;transport=tcp>",)
        )
        phone.send(text + text)  # the second is a repetition
        await phone.status(100)
        final = await phone.status(200)
        assert (await phone.status(200)).data == final.data
        assert final["Contact"].endswith(";transport=tcp>")
        phone.send(phone.text("ACK", to_tag=final.to_tag))
        await on.owner.until("acknowledged")
        on.owner.call.hangup()
        phone.answer(await phone.request("BYE"))
        await on.owner.until("hangup_done")


@pytest.mark.parametrize("length", ["-999", "13\r\nContent-Length: 5", "99999"])
async def test_whoever_names_a_length_that_makes_no_sense_is_told(length: str) -> None:
    async with tcp_line() as (_, phone):
        await phone.connect()
        phone.send(phone.text("OPTIONS").replace("Content-Length: 0", f"Content-Length: {length}"))
        await phone.status(400)
        await phone.gone()


async def test_a_refusal_is_not_repeated_over_tcp() -> None:
    async with tcp_line(lambda call: call.reject(404)) as (on, phone):
        await phone.connect()
        headers = ("Contact: <sip:me@127.0.0.1;transport=tcp>",)
        phone.send(phone.text("INVITE", body=SDP, headers=headers))
        await phone.status(100)
        await phone.status(404)
        on.clock.advance(20)
        await phone.quiet()


async def ringing_phone(on: Line, phone: TcpPeer, sent_by: str) -> None:
    """A phone that called and whose connection is gone."""
    await phone.connect()
    headers = (f"Contact: <sip:me@{sent_by};transport=tcp>",)
    via = f"Via: SIP/2.0/TCP {sent_by};branch=z9hG4bKgone"
    phone.send(phone.text("INVITE", body=SDP, headers=headers, via=via))
    await phone.status(100)
    phone.connections[0].transport.abort()
    await phone.gone()
    await on.disconnected()


async def test_an_answer_whose_connection_is_gone_goes_where_via_says() -> None:
    """RFC 3261 18.2.2: to the port of sent-by, over a new connection."""
    async with tcp_line(lambda call: None) as (on, phone):
        await ringing_phone(on, phone, f"127.0.0.1:{phone.address[1]}")
        on.owner.call.answer(ip="127.0.0.1", port=20000)
        await phone.status(200)


async def test_an_answer_that_nobody_waits_for_is_dropped() -> None:
    async with tcp_line(lambda call: None) as (on, phone):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            await ringing_phone(on, phone, f"127.0.0.1:{closed.getsockname()[1]}")
            unsent = on.endpoint.counters["unsent"]
            on.owner.call.reject(404)
            async with asyncio.timeout(PATIENCE_S):
                while on.endpoint.counters["unsent"] == unsent:
                    await asyncio.sleep(0.001)


async def test_nobody_connects_where_a_stranger_says() -> None:
    async with line(trusted_peers=()) as on:
        stranger = await on.tcp_peer()
        via = f"Via: SIP/2.0/TCP 127.0.0.1:{stranger.address[1]};branch=z9hG4bKs"
        text = stranger.text("OPTIONS", via=via)
        request = parse(text.encode(), TcpAddress("127.0.0.1", 9))  # a connection that is gone
        assert isinstance(request, Request)
        on.endpoint.refuse(request, 403)
        assert on.endpoint.counters["unsent"] == 1
        stranger.listener.close()


async def test_strangers_are_few_and_get_no_time() -> None:
    async with line(trusted_peers=()) as on:
        phones = [TcpPeer(on.peer.server) for _ in range(MAX_STRANGERS + 3)]
        for number, phone in enumerate(phones):
            await phone.connect(host=f"127.0.1.{1 + number // 5}")
        for phone in phones[MAX_STRANGERS:]:
            await phone.gone()
        phones[0].send(phones[0].text("OPTIONS"))
        await phones[0].status(403)
        on.clock.advance(31)
        for phone in phones[1:MAX_STRANGERS]:
            await phone.gone()
        phones[0].send(phones[0].text("OPTIONS"))
        await phones[0].status(403)
        await phones[0].close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_one_stranger_has_few_places_and_leaves_the_others_theirs(host: str) -> None:
    async with line(trusted_peers=(), host=host) as on:
        phones = [TcpPeer(on.peer.server) for _ in range(MAX_OF_A_STRANGER + 2)]
        for phone in phones:
            await phone.connect()
        for phone in phones[MAX_OF_A_STRANGER:]:
            await phone.gone()
        if host != "::1":
            other = TcpPeer(on.peer.server)
            await other.connect(host="127.0.0.2")
            other.send(other.text("OPTIONS"))
            await other.status(403)
            await other.close()
        for phone in phones[:MAX_OF_A_STRANGER]:
            phone.send(phone.text("OPTIONS"))
            await phone.status(403)
        await phones[0].close()
        again = TcpPeer(on.peer.server)
        await again.connect()
        again.send(again.text("OPTIONS"))
        await again.status(403)
        for phone in (*phones[1:MAX_OF_A_STRANGER], again):
            await phone.close()


async def test_a_trusted_peer_has_as_many_connections_as_it_likes() -> None:
    async with line() as on:
        phones = [TcpPeer(on.peer.server) for _ in range(3 * MAX_OF_A_STRANGER)]
        for phone in phones:
            await phone.connect()
            phone.send(phone.text("OPTIONS"))
            await phone.status(200)
        for phone in phones:
            await phone.close()


async def test_a_caller_that_goes_quiet_after_its_first_message_is_let_go() -> None:
    async with line(leave_ringing) as on:
        idle, pinging, calling = phones = [TcpPeer(on.peer.server) for _ in range(3)]
        for phone in phones:
            await phone.connect()
            phone.send(phone.text("OPTIONS"))
            await phone.status(200)
        where = f"{calling.address[0]}:{calling.address[1]}"
        headers = (f"Contact: <sip:me@{where};transport=tcp>",)
        calling.send(calling.text("INVITE", call_id="long@peer", body=SDP, headers=headers))
        await calling.status(100)
        for _ in range(12):
            on.clock.advance(30)
            pinging.send(b"\r\n\r\n")
            await pinging.until_quiet()
        await idle.gone()
        on.owner.call.answer(ip="127.0.0.1", port=20000)
        final = await calling.status(200)
        calling.send(calling.text("ACK", call_id="long@peer", to_tag=final.to_tag))
        calling.send(calling.text("BYE", call_id="long@peer", to_tag=final.to_tag, cseq=2))
        await calling.status(200)
        for _ in range(3):
            on.clock.advance(121)
        for phone in (pinging, calling):
            await phone.gone()


async def test_a_strangers_pings_keep_nothing() -> None:
    async with line(trusted_peers=()) as on:
        stranger = TcpPeer(on.peer.server)
        await stranger.connect()
        stranger.send(stranger.text("OPTIONS"))
        await stranger.status(403)
        for _ in range(4):
            on.clock.advance(29)
            if stranger.connections:
                stranger.send(b"\r\n\r\n")
            await asyncio.sleep(0.01)
        await stranger.gone()


async def test_the_endpoint_closes_with_connections_open() -> None:
    async with line(trusted_peers=LOOPBACK) as on:
        trunk = await on.tcp_peer()
        await dialled(on, trunk)
        phone = TcpPeer(on.peer.server)
        await phone.connect()
        on.dial(port=9, transport="tcp")  # not made, and perhaps never
        await on.endpoint.close()
        await phone.gone()
        await trunk.gone()
        await trunk.close()


# Connections that are dead, though no system has said so: whatever is between us swallows what is sent.


@pytest.mark.parametrize(("pongs", "wait_s"), [(True, 10), (False, 16)])
async def test_a_request_into_a_dead_connection_goes_out_again_over_a_new_one(
    pongs: bool, wait_s: float
) -> None:
    async with tcp_line() as (on, trunk):
        dialler, _ = await talking(on, trunk)
        if pongs:
            on.clock.advance(25)
            await trunk.pinged(1)
            trunk.send(b"\r\n")
            await trunk.quiet()
        dead = trunk.connections[0]
        dialler.call.hangup()
        swallowed = await trunk.request("BYE")
        on.clock.advance(wait_s - 1)
        await on.peer.quiet()
        assert trunk.connections == [dead]
        on.clock.advance(1)
        bye = await trunk.request("BYE")
        assert (bye["Via"], bye["CSeq"]) == (swallowed["Via"], swallowed["CSeq"])
        assert dead not in trunk.connections
        trunk.answer(bye)
        assert await dialler.until("hangup_done") == SipCause(200)


async def test_a_flow_whose_pong_does_not_come_is_dead() -> None:
    async with tcp_line() as (on, trunk):
        await talking(on, trunk)
        on.clock.advance(25)
        await trunk.pinged(1)
        trunk.send(b"\r\n")
        await trunk.quiet()
        on.clock.advance(25)
        await trunk.pinged(2)
        on.clock.advance(10)
        await trunk.gone()


async def test_a_peer_that_answers_no_pings_keeps_its_connection() -> None:
    async with tcp_line() as (on, trunk):
        await talking(on, trunk)
        on.clock.advance(300)
        await trunk.quiet()
        assert len(trunk.connections) == 1


async def test_a_trunk_that_swallows_everything_is_not_waited_for_for_ever() -> None:
    async with tcp_line() as (on, trunk):
        dialler, _ = await dialled(on, trunk)
        on.clock.advance(16)
        cause = await dialler.until("failed")
        assert isinstance(cause, SipCause)
        assert cause.status == 503
