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
        self.absent_s: int | None = None
        """For how long it says that what is not there is not; None if it does not say."""
        self.contradicts_itself = False
        """Whether it says of what is not there what it is, too."""
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
            if self.contradicts_itself:
                said = dns.rrset.from_text(question.name, 60, "IN", kind, "192.0.2.99")
                reply.answer.append(said)
        if self.absent_s is not None and not reply.answer:
            soa = f"ns.test. admin.test. 1 60 60 60 {self.absent_s}"
            reply.authority.append(dns.rrset.from_text("test.", self.absent_s, "IN", "SOA", soa))
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
