"""What the supervisor is told of the sockets of calls, by a switch that goes on and by one that goes."""

import asyncio
import os
import resource
import socket
from collections.abc import AsyncIterator

import pytest

from onhook.media.held import HeldSockets
from onhook.media.sockets import Host, Pair, close_pairs
from onhook.processes.channel import Channel
from onhook.server.socket_keeping import SOON_S, SocketKeeping

HERE = Host("127.0.0.1")


class Kept:
    """Sockets that are held, and what the supervisor hears of them."""

    def __init__(self) -> None:
        ours, self._theirs = Channel.pair()
        ours.set_blocking(False)
        self._theirs.set_blocking(False)
        self._ends = (ours, self._theirs)
        self.held = HeldSockets()
        self.held.keeper = SocketKeeping(ours, lambda: False)
        self._bound: list[Pair] = []

    def opened(self) -> int:
        """The port of a stream that has begun."""
        pair = HERE.bind(0), HERE.bind(0)
        self._bound.append(pair)
        port = port_of(pair[0])
        self.held.hold(port, pair)
        return port

    def told(self) -> list[tuple[str, list[int], list[int]]]:
        """What was said until now, of which ports; and of which the sockets came with it."""
        found: list[tuple[str, list[int], list[int]]] = []
        while True:
            try:
                heard = self._theirs.receive()
            except BlockingIOError:
                return found
            assert heard is not None
            message, descriptors = heard
            found.append((message["say"], message["ports"], list(map(port_of, descriptors[::2]))))
            for each in descriptors:
                os.close(each)

    async def is_told(self) -> None:
        """Waits until there is something to be heard."""
        loop, told = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._theirs, told.set)
        try:
            await told.wait()
        finally:
            loop.remove_reader(self._theirs)

    def close(self) -> None:
        self.held.leave()
        close_pairs(self._bound)
        for each in self._ends:
            each.close()


def port_of(descriptor: int) -> int:
    with socket.socket(fileno=os.dup(descriptor)) as one:
        return int(one.getsockname()[1])


@pytest.fixture
async def kept() -> AsyncIterator[Kept]:
    one = Kept()
    yield one
    one.close()


async def test_what_began_in_the_last_moment_of_a_switch_is_kept(kept: Kept) -> None:
    """Told when it goes: a moment later its descriptors are closed, or are those of something else."""
    port = kept.opened()
    kept.held.leave()
    others = [os.open("/dev/null", os.O_RDONLY) for _ in range(4)]
    try:
        assert kept.told() == [("keep", [port], [port])]
        await asyncio.sleep(1.5 * SOON_S)
        assert kept.told() == []
    finally:
        for each in others:
            os.close(each)


async def test_few_open_files_are_left_to_what_needs_them_more() -> None:
    """A stream beyond those is bound anew when the plane dies."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
    one = Kept()
    try:
        ports = [one.opened() for _ in range(40)]
        assert one.held.again(ports[32]) is None
        await one.is_told()
        assert sorted(port for _, kept, _ in one.told() for port in kept) == sorted(ports[:32])
        one.held.let_go(ports[0])
        another = one.opened()
        pair = one.held.again(another)
        assert pair is not None
        close_pairs([pair])
    finally:
        one.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


async def test_streams_that_begin_and_end_one_after_another_are_told_of_together(
    kept: Kept,
) -> None:
    """Each time that the supervisor is told of something wakes it."""
    over = kept.opened()
    await kept.is_told()
    kept.told()
    kept.held.let_go(over)
    # In one turn of the loop: nothing is told meanwhile, however slow this is.
    began = [kept.opened() for _ in range(3)]
    await kept.is_told()
    assert kept.told() == [("let go", [over], []), ("keep", began, began)]
