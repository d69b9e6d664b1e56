"""A name server on loopback that says what a test tells it, or nothing. Keeps what it was asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset


class NameServer(asyncio.DatagramProtocol):
    """`records` are lines of a zone: `name ttl kind data`, all names in full."""

    transport: asyncio.DatagramTransport

    def __init__(self, records: str) -> None:
        self.records: list[tuple[str, str, int, str]] = []
        self.asked: list[tuple[str, str]] = []
        self.silent: set[str] = set()
        """Kinds of records that are asked for in vain; `*` is every kind."""
        self.say(records)

    @property
    def address(self) -> tuple[str, int]:
        """Where it is asked."""
        where: tuple[str, int] = self.transport.get_extra_info("sockname")
        return where

    def say(self, records: str) -> None:
        """These are the records from now on."""
        self.records.clear()
        for line in records.strip().splitlines():
            name, ttl, kind, data = line.split(None, 3)
            self.records.append((name.rstrip(".").lower(), kind, int(ttl), data))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio: it listens."""
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answers one question."""
        query = dns.message.from_wire(data)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((kind, name))
        if self.silent & {kind, "*"}:
            return
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        for owner, has, ttl, text in self.records:
            if (owner, has) == (name, kind):
                reply.answer.append(dns.rrset.from_text(question.name, ttl, "IN", has, text))
        if not any(owner == name for owner, *_ in self.records):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(reply.to_wire(), addr)


@asynccontextmanager
async def name_server(records: str = "") -> AsyncIterator[NameServer]:
    """A name server on a free port."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        lambda: NameServer(records), ("127.0.0.1", 0)
    )
    try:
        yield server
    finally:
        transport.close()
