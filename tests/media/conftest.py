from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from media.rtp_peer import Ear, RtpPeer, free_ports
from onhook.media import Codec, MediaPlane, Stream

OpenStream = Callable[..., Stream]


@pytest.fixture
def peer() -> Iterator[RtpPeer]:
    with RtpPeer() as peer:
        yield peer


@pytest.fixture
async def plane() -> AsyncIterator[MediaPlane]:
    plane = MediaPlane(host="127.0.0.1", ports=free_ports(16))
    plane.start(asyncio.get_running_loop())
    yield plane
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
