import asyncio
import contextlib
import socket

import pytest

from onhook.testing.datagrams import DatagramSocket


async def test_a_datagram_comes_with_its_source_and_time() -> None:
    loop = asyncio.get_running_loop()
    got: asyncio.Future[tuple[bytes, float, tuple[str, int]]] = loop.create_future()
    sock = DatagramSocket.open("127.0.0.1", lambda *what: got.set_result(what), even=True)
    with contextlib.closing(sock), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        assert sock.address[1] % 2 == 0
        peer.bind(("127.0.0.1", 0))
        before = loop.time()
        peer.sendto(b"hello", sock.address)
        data, at_s, source = await asyncio.wait_for(got, 30)
        assert (data, source) == (b"hello", peer.getsockname())
        assert before - 0.0001 <= at_s <= loop.time()


async def test_a_closed_port_does_not_stop_the_socket() -> None:
    got = asyncio.Event()
    sock = DatagramSocket.open("127.0.0.1", lambda *_: got.set())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        nobody = gone.getsockname()
    with contextlib.closing(sock):
        sock.send(b"into the void", nobody)
        sock.send(b"x" * 70_000, sock.address)
        assert sock.unsent == 1  # longer than a datagram
        sock.send(b"to myself", sock.address)
        await asyncio.wait_for(got.wait(), 30)


async def test_it_may_be_closed_while_it_receives_and_twice() -> None:
    count = 0

    def receive(*_: object) -> None:
        nonlocal count
        count += 1
        sock.close()

    sock = DatagramSocket.open("127.0.0.1", receive)
    sock.send(b"1", sock.address)
    sock.send(b"2", sock.address)
    port = sock.address[1]
    while count == 0:
        await asyncio.sleep(0)
    sock.close()
    assert count == 1
    DatagramSocket.open("127.0.0.1", lambda *_: None, port=port).close()


async def test_a_taken_port_is_an_os_error() -> None:
    sock = DatagramSocket.open("127.0.0.1", lambda *_: None)
    with contextlib.closing(sock), pytest.raises(OSError, match="in use"):
        DatagramSocket.open("127.0.0.1", lambda *_: None, port=sock.address[1])
