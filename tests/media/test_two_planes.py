"""A plane beside another one, with ports of the same pool: a room whose members are in both."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from media.rtp_peer import PATIENCE_S
from media.test_rooms import Member, hear_all, open_members, settle
from onhook.media import MediaPlane
from onhook.media.errors import NoPortLeft
from ports import free_ports

PORTS = 6


@pytest.fixture
async def planes() -> AsyncIterator[tuple[MediaPlane, MediaPlane]]:
    """The new one, and the old one."""
    ports = free_ports(PORTS)
    new = MediaPlane(host="127.0.0.1", ports=ports)
    old = MediaPlane(host="127.0.0.1", ports=ports, beside=new)
    loop = asyncio.get_running_loop()
    for each in (new, old):
        each.start(loop)
    yield new, old
    for each in (old, new):
        each.close()


@pytest.fixture
async def members(
    planes: tuple[MediaPlane, MediaPlane],
) -> AsyncIterator[tuple[Member, Member]]:
    """One of each plane."""
    new, old = planes
    async with AsyncExitStack() as stack:
        [one] = await open_members(new, stack, 1)
        _, other = await open_members(old, stack, 2)
        yield one, other


async def test_members_of_both_hear_each_other_until_one_leaves(
    planes: tuple[MediaPlane, MediaPlane], members: tuple[Member, Member]
) -> None:
    new, _ = planes
    one, other = members
    before = new.ports_used
    room = new.open_room()
    for each in members:
        room.add(each.stream)
    await settle(list(members))
    assert await hear_all(list(members)) == [{other.hz}, {one.hz}]
    assert new.ports_used == before + 2
    room.remove(other.stream)
    async with asyncio.timeout(PATIENCE_S):
        while new.ports_used > before:
            await asyncio.sleep(0.01)
    assert other.stream not in room
    assert other.stream.is_open


async def test_where_there_is_no_port_nothing_is_taken(
    planes: tuple[MediaPlane, MediaPlane], members: tuple[Member, Member]
) -> None:
    new, _ = planes
    _, other = members
    room = new.open_room()
    taken = [new.reserve() for _ in range(new.capacity - new.ports_used - 1)]
    before = new.ports_used
    for _ in range(2):
        with pytest.raises(NoPortLeft):
            room.add(other.stream)
        assert new.ports_used == before
    taken.pop().release()
    room.add(other.stream)
    assert other.stream in room
    for each in taken:
        each.release()
