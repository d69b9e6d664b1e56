"""What our address looks like from outside (RFC 8489), asked of a server on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onhook.phone.nat import stun_client
from onhook.phone.nat.stun import Binding
from onhook.phone.nat.stun_client import mapped_address

COOKIE = bytes.fromhex("2112a442")
TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")

# RFC 5769 2.2 and 2.3, whose FINGERPRINT and MESSAGE-INTEGRITY are passed over.
SAMPLE_IPV4 = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220"
    "002000080001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7"
    "80280004c07d4c96"
)
SAMPLE_IPV6 = bytes.fromhex(
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220"
    "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf1"
    "1784c97c8292c275bfe3ed4180280004c8fb0b4c"
)


def test_the_samples_of_the_standard() -> None:
    binding = Binding(TRANSACTION)
    assert binding.address_in(SAMPLE_IPV4) == ("192.0.2.1", 32853)
    assert binding.address_in(SAMPLE_IPV6) == ("2001:db8:1234:5678:11:2233:4455:6677", 32853)
    assert Binding(bytes(12)).address_in(SAMPLE_IPV4) is None  # the answer to another question
    assert binding.request() == bytes.fromhex("00010000") + COOKIE + TRANSACTION


@given(st.binary(max_size=80), st.booleans())
def test_garbage_is_no_address_and_no_error(data: bytes, headed: bool) -> None:
    head = b"\x01\x01" + len(data).to_bytes(2, "big") + COOKIE + TRANSACTION
    found = Binding(TRANSACTION).address_in(head + data if headed else data)
    assert found is None or ip_address(found[0])


class StunServer(asyncio.DatagramProtocol):
    """Says that whoever asks is at `address`, or where it is if that is empty; the first `deaf` requests it
    does not hear."""

    transport: asyncio.DatagramTransport

    def __init__(self, address: str, deaf: int) -> None:
        self.address = address
        self.deaf = deaf
        self.asked = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked += 1
        if self.asked <= self.deaf:
            return
        host = ip_address(self.address or addr[0]).packed
        mask = COOKIE + data[8:20]
        port = (addr[1] ^ 0x2112).to_bytes(2, "big")
        family = b"\x00\x02" if len(host) == 16 else b"\x00\x01"
        value = family + port + bytes(a ^ b for a, b in zip(host, mask, strict=False))
        attribute = b"\x00\x20" + len(value).to_bytes(2, "big") + value
        self.transport.sendto(
            b"\x01\x01" + len(attribute).to_bytes(2, "big") + data[4:20] + attribute, addr
        )


@asynccontextmanager
async def stun_server(
    address: str = "203.0.113.7", deaf: int = 0, *, host: str = "127.0.0.1"
) -> AsyncIterator[StunServer]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        lambda: StunServer(address, deaf), (host, 0)
    )
    try:
        yield server
    finally:
        transport.close()


def port_of(server: StunServer) -> int:
    port: int = server.transport.get_extra_info("sockname")[1]
    return port


async def test_a_server_is_asked_again_when_a_datagram_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stun_client, "WAITS_S", (0.01, 0.01, 5.0))
    async with stun_server(deaf=2) as server:
        host, _ = await mapped_address(("127.0.0.1", port_of(server)), "127.0.0.1")
        assert host == "203.0.113.7"
        assert server.asked == 3


async def test_a_server_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stun_client, "WAITS_S", (0.01, 0.01))
    async with stun_server(deaf=99) as server:
        port = port_of(server)
        with pytest.raises(TimeoutError):
            await mapped_address(("127.0.0.1", port))
    with pytest.raises(OSError):  # nobody listens any more
        await mapped_address(("127.0.0.1", port))
