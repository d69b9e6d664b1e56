"""Asks a STUN server what our address looks like from outside (RFC 8489 6.2.1)."""

import asyncio
import secrets

from onhook.phone.addresses import Address
from onhook.phone.nat.stun import Binding

WAITS_S = (0.5, 1.0, 2.0)
"""After each request so long for its answer: it is a datagram, and may be lost."""


class _Asking(asyncio.DatagramProtocol):
    def __init__(self, binding: Binding) -> None:
        self._binding = binding
        self.found: asyncio.Future[Address] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Asyncio: something came; the socket is connected, so it is from the server's address."""
        address = self._binding.address_in(data)
        if address is not None and not self.found.done():
            self.found.set_result(address)

    def error_received(self, exc: Exception) -> None:
        """Asyncio: nobody listens there, or the network is gone."""
        if not self.found.done():
            self.found.set_exception(exc)


async def mapped_address(server: Address, from_host: str = "") -> Address:
    """Our address as a numeric STUN server sees it, when we send from `from_host`.

    Raises OSError, and TimeoutError, which is one, when nobody says it.
    """
    loop = asyncio.get_running_loop()
    binding = Binding(secrets.token_bytes(12))
    local = (from_host, 0) if from_host else None
    transport, asking = await loop.create_datagram_endpoint(
        lambda: _Asking(binding), local_addr=local, remote_addr=server
    )
    try:
        for wait_s in WAITS_S:
            transport.sendto(binding.request())
            done, _ = await asyncio.wait((asking.found,), timeout=wait_s)
            if done:
                return asking.found.result()
        raise TimeoutError("no answer")
    finally:
        asking.found.cancel()
        transport.close()
