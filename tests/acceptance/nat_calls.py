"""A server behind a router, and a softphone outside: calls both ways, through what routers do.

One maps a public address to the server's, which finds it out by STUN, and becomes another while the server
runs. One lets nothing in that nobody asked for, and forgets after 30 s what somebody did.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import netns
from acceptance.behind_router import FORGETS_S, is_reached_at, start
from acceptance.harness import Customer, Onhook, know_trunk
from acceptance.kamailio import PASSWORD, kamailio
from acceptance.softphone_calls import ROLES
from acceptance.softphones import Baresip
from acceptance.test_register_kamailio import registered
from acceptance.verdicts import Verdict
from onhook.cli import trunks
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver
from phone.nat.test_stun import port_of, stun_server

PORT = 5070
INTERFACE = "eth0"
NOTHING_S = 60
"""For so long nothing goes between the two but what keeps the way open."""
CHANGES_S = 90.0
"""STUN is asked every minute."""
PINGS_S = 10
KEEPALIVE_S = 25
"""The default of trunks, below the 30 s of the router."""


async def one_to_one() -> AsyncIterator[Verdict]:
    """What clouds do. Calls to and from the public address, and to and from the next one."""
    with netns.network(netns.ONE_TO_ONE) as on, netns.within(on.outside):
        on.forgets_after(5)  # so that what is new goes by the new address
        async with AsyncExitStack() as stack:
            stun = await stack.enter_async_context(stun_server("", host=netns.OUTSIDE))
            asked = f"{netns.OUTSIDE}:{port_of(stun)}"
            customer = await _customer(stack, on, public_address="auto", stun_server=asked)
            for role in ("caller", "callee"):
                yield await _call(customer, role, "behind 1:1 NAT")
            on.rules(netns.one_to_one(netns.ANOTHER))
            await _is_known(customer.server, netns.ANOTHER)
            is_reached_at(customer.server, netns.ANOTHER)
            for role in ("caller", "callee"):
                yield await _call(customer, role, "at another public address")


async def forgetful() -> AsyncIterator[Verdict]:
    """What routers at home do. A call comes in after a minute of nothing, and one goes out; and one comes by
    way of a registrar, Kamailio, that wants to hear of us once in an hour."""
    with netns.network(netns.MASQUERADE) as on, netns.within(on.outside):
        on.forgets_after(FORGETS_S)
        async with AsyncExitStack() as stack:
            customer = await _customer(stack, on, public_address=netns.PUBLIC)
            yield await _call(customer, "caller", "behind a router that forgets", NOTHING_S)
            yield await _call(customer, "callee", "behind a router that forgets")
            await _register(stack, customer)
            yield await _call(customer, "caller", "by a registrar outside", NOTHING_S)


async def _customer(stack: AsyncExitStack, on: netns.Network, **settings: str) -> Customer:
    """An application outside, of a server inside with a trunk to where softphones are. The server starts in a
    thread: a STUN server outside is served by this one."""
    running = await asyncio.to_thread(start, on, **settings)
    stack.callback(running.close)
    proxy = f"{netns.OUTSIDE}:{PORT}"
    await trunks.add(running.data, trunks.Given("softphone", proxy=proxy, ping=str(PINGS_S)))
    await asyncio.to_thread(know_trunk, running, "softphone")
    receiver = await stack.enter_async_context(Receiver(host=netns.OUTSIDE, repeats=False))
    phone = await stack.enter_async_context(Phone(host=netns.OUTSIDE))
    return await Customer.make(running, receiver, phone)


async def _register(stack: AsyncExitStack, customer: Customer) -> None:
    """The server registers with Kamailio outside, which is where its number is called from now on."""
    directory = Path(tempfile.mkdtemp(prefix="onhook-kamailio-"))
    edge = await stack.enter_async_context(kamailio(directory, host=netns.OUTSIDE, expires_s=3600))
    given = trunks.Given(
        "carrier",
        f"{netns.OUTSIDE}:{edge.port}",
        register=True,
        username=customer.number,
        password=PASSWORD,
        from_domain=netns.OUTSIDE,
        keepalive=KEEPALIVE_S,
    )
    await trunks.add(customer.server.data, given)
    await registered(customer.server)
    customer.server.listeners = [("udp", netns.OUTSIDE, edge.port)]


async def _call(customer: Customer, role: str, where: str, after_s: float = 0.0) -> Verdict:
    """A call between a softphone outside and the application, with a hold."""
    async with Baresip(netns.OUTSIDE, PORT, INTERFACE) as softphone:
        softphone.holds = True
        await asyncio.sleep(after_s)
        try:
            verdict = await ROLES[role](customer, softphone)
        except (AssertionError, TimeoutError) as error:
            print(f"{type(error).__name__}: {error}")
            verdict = Verdict(softphone.name, role)
    return replace(verdict, softphone=f"{softphone.name} {where}", wanted=frozenset({"held"}))


async def _is_known(server: Onhook, address: str) -> None:
    """The server has found out that it has another public address."""
    async with asyncio.timeout(CHANGES_S):
        while not any(
            "public_address_changed" in line and address in line for line in server.log.splitlines()
        ):
            await asyncio.sleep(1)
