"""Processes that follow one another at the same sockets: each is gone without a word, and the next one has
what was kept of its calls, through JSON."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Unpack

from onhook.listeners import ListenAddress, listen_addresses
from onhook.phone import IncomingCall, OutgoingCall, SipEndpoint, Trunk
from onhook.phone.binding import BoundListener, adopt, bind
from onhook.phone.tls.contexts import ServerCertificate
from phone.peer import LOOPBACK, PATIENCE_S, Dialler, Line, Owner, Settings, answer_at_once

Kept = Mapping[str, Any]


def kept_of(call: IncomingCall | OutgoingCall) -> Kept:
    """What is kept of a call, as it comes back from a store."""
    kept = call.kept()
    read: Kept = json.loads(json.dumps(kept))
    assert read == kept
    return read


class Succession(Line):
    """A line whose endpoint is followed by another one; `endpoint` is the one that lives."""

    def __init__(
        self,
        then: Callable[[IncomingCall], None],
        bound: Sequence[BoundListener],
        certificate: ServerCertificate | None,
        **settings: Unpack[Settings],
    ) -> None:
        super().__init__(then, **settings)
        self._settings: Settings = {"trusted_peers": LOOPBACK, **settings}
        self._certificate = certificate
        self._held = [(each.address.transport, each.socket) for each in bound]

    def sockets(self) -> list[BoundListener]:
        """The listening sockets once more, as a supervisor hands them to each process."""
        return [adopt(transport, held.dup()) for transport, held in self._held]

    async def open(self) -> None:
        await self.endpoint.serve(self.sockets(), self._certificate)

    def close(self) -> None:
        for _, held in self._held:
            held.close()

    async def die(self) -> None:
        """The endpoint is gone: its connections are closed, its timers stop, and nobody is told."""
        await self.endpoint.close()
        assert self.clock.pending == 0, "a timer outlived the endpoint"

    async def stand(self) -> None:
        """Another one is there, and does not read yet."""
        self.endpoint = SipEndpoint(on_call=self._on_call, clock=self.clock, **self._settings)
        await self.endpoint.stand_at(self.sockets(), self._certificate)

    async def keeps_unread(self) -> None:
        """It has something of a peer, which it does not read yet."""
        async with asyncio.timeout(PATIENCE_S):
            while not any(each._framer.unread for each in self.endpoint._tcp.connections.values()):
                await asyncio.sleep(0.001)

    def take_in(self, kept: Kept, trunk: Trunk | None = None) -> Owner:
        """Adopt a call to us."""
        owner = Owner.__new__(Owner)
        super(Owner, owner).__init__()
        call = self.endpoint.adopt(kept, owner, trunk)
        assert isinstance(call, IncomingCall)
        owner.call = call
        return owner

    def take_out(self, kept: Kept, trunk: Trunk) -> Dialler:
        """Adopt a call of ours."""
        dialler = Dialler()
        call = self.endpoint.adopt(kept, dialler, trunk)
        assert isinstance(call, OutgoingCall)
        dialler.call = call
        return dialler

    async def followed_in(self, kept: Kept, trunk: Trunk | None = None) -> Owner:
        """The endpoint dies, and the next one has taken the call to us over."""
        await self.die()
        await self.stand()
        owner = self.take_in(kept, trunk)
        await self.endpoint.serve()
        return owner

    async def followed_out(self, kept: Kept, trunk: Trunk) -> Dialler:
        """The same of a call of ours."""
        await self.die()
        await self.stand()
        dialler = self.take_out(kept, trunk)
        await self.endpoint.serve()
        return dialler


@asynccontextmanager
async def succession(
    then: Callable[[IncomingCall], None] = answer_at_once,
    *,
    listeners: str = "",
    certificate: ServerCertificate | None = None,
    **settings: Unpack[Settings],
) -> AsyncIterator[Succession]:
    addresses = listen_addresses(listeners) if listeners else (ListenAddress("127.0.0.1", 0),)
    made = Succession(then, bind(addresses), certificate, **settings)
    await made.open()
    made.peer = await made.another_peer()
    try:
        yield made
    finally:
        made.peer.transport.close()
        await made.endpoint.close()
        made.close()
    assert made.clock.pending == 0, "a timer outlived the endpoint"
    assert made.in_order(), [peer.out_of_order for peer in made.peers]
