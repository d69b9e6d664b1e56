"""Calls by way of Kamailio, with which a server is registered over TLS, and behind which a softphone is
reached over UDP: it records its route from one to the other, and wants a certificate over TLS."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from acceptance.harness import Customer, Onhook
from acceptance.kamailio import PASSWORD, Edge, kamailio
from acceptance.softphone_calls import ROLES
from acceptance.softphones import NUMBER, Baresip
from acceptance.test_register_kamailio import registered
from acceptance.verdicts import Verdict
from acceptance.wire import RTP_PORTS, Wire
from onhook.cli import trunks
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver
from phone.authority import Authority

PORT = 5070


async def at_the_edge(host: str, interface: str) -> AsyncIterator[Verdict]:
    """A call from the softphone, and one to it."""
    async with AsyncExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="onhook-edge-"))
        authority = Authority(directory)
        edge = await stack.enter_async_context(
            kamailio(
                directory,
                host=host,
                issued=authority.issue(host),
                ca_file=authority.file,
                behind=NUMBER,
                behind_at=f"{host}:{PORT}",
            )
        )
        customer = await _customer(stack, host, authority, edge)
        wire = await stack.enter_async_context(Wire())
        for role in ("caller", "callee"):
            async with Baresip(host, PORT, interface) as softphone:
                softphone.holds, softphone.wire = True, wire
                try:
                    verdict = await ROLES[role](customer, softphone)
                except (AssertionError, TimeoutError) as error:
                    print(f"{type(error).__name__}: {error}")
                    verdict = Verdict(softphone.name, role)
            wanted = {"held"} | ({"by trunk carrier"} if role == "caller" else set())
            name = f"{softphone.name} behind Kamailio"
            yield replace(verdict, softphone=name, wanted=frozenset(wanted))


async def _customer(stack: AsyncExitStack, host: str, authority: Authority, edge: Edge) -> Customer:
    """An application of a server that trusts nobody, and registers its number; it is called at the edge."""
    ours = authority.issue(host)
    settings = {
        "sip": f"udp:{host}:0,tls:{host}:0",
        "sip_cert": ours.certificate,
        "sip_key": ours.key,
        "trusted_peers": "192.0.2.0/24",
        "rtp_ports": RTP_PORTS,
    }
    server = Onhook(settings)
    stack.callback(server.close)
    receiver = await stack.enter_async_context(Receiver(repeats=False))
    phone = await stack.enter_async_context(Phone(host=host))
    customer = await Customer.make(server, receiver, phone)
    given = trunks.Given(
        "carrier",
        f"{host}:{edge.tls_port}",
        transport="tls",
        register=True,
        ca_file=authority.file,
        client_cert=ours.certificate,
        client_key=ours.key,
        username=customer.number,
        password=PASSWORD,
        from_domain=host,
    )
    await trunks.add(server.data, given)
    await registered(server)
    server.listeners = [("udp", host, edge.port)]
    return customer
