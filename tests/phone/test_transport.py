"""The socket: both event loops, and sends that the kernel refuses."""

import asyncio
import socket
import time
from collections.abc import Callable

import pytest
import uvloop

from onhook.listeners import ListenAddress
from onhook.phone.binding import BoundListener, bind
from onhook.phone.message import Address
from onhook.phone.transport import UdpTransport, address_towards
from phone.peer import Caller, line


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def runner(request: pytest.FixtureRequest) -> asyncio.Runner:
    factory: Callable[[], asyncio.AbstractEventLoop] = request.param
    return asyncio.Runner(loop_factory=factory)


async def a_call() -> None:
    async with line() as on:
        caller = Caller(on.peer)
        await caller.established()
        on.owner.call.hangup()
        on.peer.answer(await on.peer.request("BYE"))
        await on.owner.until("hangup_done")


def test_a_call_on_either_loop(runner: asyncio.Runner) -> None:
    with runner:
        runner.run(a_call())


def _bound() -> BoundListener:
    return bind((ListenAddress("127.0.0.1", 0, "udp"),))[0]


async def bad_sends() -> None:
    arrived: asyncio.Queue[tuple[bytes, Address]] = asyncio.Queue()
    receiver = UdpTransport(lambda data, source: arrived.put_nowait((data, source)))
    sender = UdpTransport(lambda data, source: None)
    sender.send(b"not open yet", ("127.0.0.1", 9))
    receiver.open(_bound())
    receiver.read()
    sender.open(_bound())
    sender.read()
    for data, address in (
        (b"x", ("127.0.0.1", 0)),
        (b"x", ("127.0.0.1", 70000)),
        (b"x", ("no address", 9)),
        (b"x", ("::1", 9)),
        (b"x" * 70000, receiver.address),
    ):
        sender.send(data, address)
    sender.send(b"fine", receiver.address)
    data, source = await asyncio.wait_for(arrived.get(), 30)
    assert (data, source) == (b"fine", sender.address)
    await sender.close()
    sender.send(b"closed", receiver.address)
    assert sender.dropped >= 2
    await sender.close()
    await receiver.close()


def test_what_cannot_be_sent_is_dropped(runner: asyncio.Runner) -> None:
    with runner:
        runner.run(bad_sends())


def test_the_address_towards_a_peer() -> None:
    assert address_towards("127.0.0.1") == "127.0.0.1"


async def test_what_takes_long_to_serve_lets_the_loop_have_its_turn() -> None:
    """Whoever floods us with what is served at once keeps nobody else waiting for all of it."""
    served, at_a_time = 0, [0]

    def slow(data: bytes, source: Address) -> None:
        nonlocal served
        served += 1
        at_a_time[-1] += 1
        time.sleep(0.001)  # what it costs

    receiver = UdpTransport(slow)
    receiver.open(_bound())
    receiver.read()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(200):
            sender.sendto(b"UPDATE sip:a SIP/2.0", receiver.address)
    while served < 200:
        at_a_time.append(0)
        await asyncio.sleep(0)
    await receiver.close()
    assert max(at_a_time) < 100


async def test_datagrams_that_the_kernel_throws_away_are_counted() -> None:
    receiver = UdpTransport(lambda data, source: None)
    bound = _bound()
    bound.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    receiver.open(bound)
    receiver.read()
    assert receiver.overflowed == 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(100):  # nothing is read before the loop has its turn
            sender.sendto(b"x" * 1000, receiver.address)
    assert 90 <= receiver.overflowed < 100
    await receiver.close()
    assert receiver.overflowed == 0
