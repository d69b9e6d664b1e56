import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from media.followed import Followed
from media.rtp_peer import Ear, RtpPeer
from media.settling import settled
from onhook.media import Codec, MediaPlane, NotRunning, Stream
from ports import free_ports

OpenStream = Callable[..., Stream]
Settle = Callable[[], Awaitable[None]]


@pytest.fixture
def peer() -> Iterator[RtpPeer]:
    with RtpPeer() as peer:
        yield peer


@pytest.fixture
async def plane() -> AsyncIterator[MediaPlane]:
    # two threads from the second call on: those that are joined have to be brought together
    plane = Followed(host="127.0.0.1", ports=free_ports(16), threads=2, calls_a_thread=1)
    plane.start(asyncio.get_running_loop())
    yield plane
    with contextlib.suppress(NotRunning):  # a test may have closed it
        assert plane.health().refused == 0
    plane.close()


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def stream(plane: MediaPlane, peer: RtpPeer, ear: Ear) -> Stream:
    """A stream towards `peer` that tells `ear`: PCMU, telephone-event 101."""
    return plane.open(
        plane.reserve(),
        remote=peer.address,
        codec=Codec.PCMU,
        dtmf_payload_type=101,
        listener=ear,
    )


@pytest.fixture
def settle(plane: MediaPlane) -> Settle:
    """`settled()`, of this plane."""
    return lambda: settled(plane)
