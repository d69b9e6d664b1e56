"""``make interop``: softphones and an exchange that other people wrote call a real server, and are called.

An exchange, Asterisk 22, which ends calls in which it hears nothing for five seconds, is recorded, asked for
keys, left alone and put on hold, for twelve seconds each. As a carrier it wants to be registered with over
TLS, by its domain, whose first server is not there, and takes encrypted calls only, with reliable provisional
responses and session timers; a call to it and one from it, which it puts on hold for a while, outlive these.
By way of Kamailio, with which a server is registered over TLS, baresip is called and calls over UDP. Each
softphone is asked for a key, says something that is recorded, and is hung up with a message; then a caller in
another codec is joined to it. As a newcomer's, it is set up, and calls, as docs/first-call.md says. It calls
with a password from where nobody is trusted, is offered encryption that it may pass over, and is sent packets
of another length, asked or not. Both call over TLS with their audio encrypted, and baresip is called; and
both do by IPv6, where nobody has another address. All of these hold the call for a while, in which they are
sent nothing but RTCP; linphone takes another key with it. Behind a router whose public address becomes
another, and behind one that forgets what nothing goes over, calls come and go. What the far side understood
and what the softphone heard is printed, a line a call. Each of these laboratories is a network of its own,
with an interface that only it has, because baresip does not use the loopback; ``interop.py tls`` is one of
them alone. Those in which most of the time nothing happens run beside the others.
"""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from acceptance.carrier import Carried, carried
from acceptance.edge_calls import at_the_edge
from acceptance.exchange import Exchange, Patience, wait_in_every_way
from acceptance.harness import Customer, Onhook, know_trunk
from acceptance.nat_calls import forgetful, one_to_one
from acceptance.softphone_calls import PATIENCE_S, ROLES, a_customer, converse
from acceptance.softphone_survival import through_kills
from acceptance.softphones import SOFTPHONES, Baresip, Credentials, Linphone, Softphone, Tls
from acceptance.verdicts import Verdict
from acceptance.wire import RTP_PORTS, Wire
from onhook.cli import accounts, trunks
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver
from phone.authority import Authority
from scratch import Scratch

HOST, HOST_IPV6, INTERFACE = "10.99.0.1", "fd99::1", "onhook0"
NETWORK = f"""
ip link set lo up
ip link add {INTERFACE} type veth peer name onhook1
ip addr add $1 dev {INTERFACE} $2
ip link set {INTERFACE} up
ip link set onhook1 up
ip $3 route add default dev {INTERFACE}
shift 3
exec "$@"
"""
IPV4, IPV6 = (f"{HOST}/24", "", "-4"), (f"{HOST_IPV6}/64", "nodad", "-6")
"""The only address of a network beside the loopback's."""
INSIDE = "ONHOOK_INTEROP"
PAGE = Path(__file__).resolve().parent.parent / "docs/first-call.md"
NEWCOMER = "newcomer's"
DIALS = {"baresip": "/dial", "linphone": "call"}
"""How one types a call into them."""
ASTERISK = Path(os.environ.get("ONHOOK_ASTERISK", "/var/cache/onhook/asterisk"))
"""Where it is installed."""
TRUSTED = f"{HOST}/32,{HOST_IPV6}/128"
IN_THE_CLEAR = {"sip": f"{HOST}:0", "trusted_peers": TRUSTED}
"""Settings of a server."""
SOFTPHONE = partial(trunks.Given, "softphone", proxy=f"{HOST}:5070")
"""Its trunk, with further options."""
KNOWN = Credentials("branch-7", "a password of twenty five")
BY_PASSWORD = partial(
    trunks.Given,
    "branch",
    proxy="192.0.2.7:5060",
    inbound="digest",
    username=KNOWN.user,
    password=KNOWN.password,
)
"""A trunk whose user calls from anywhere; its proxy is nowhere."""
TRUSTING_NOBODY = {"trusted_peers": "192.0.2.1/32"}

Call = Callable[[AsyncExitStack, str], Awaitable[Verdict]]
"""A call in a role."""
Judged = Verdict | Patience | Carried


async def main(laboratory: str) -> bool:
    """Prints a line a call; returns whether all were good."""
    scratch = Scratch()
    _, work = LABORATORIES[laboratory]
    good = all(verdict.good for verdict in await work())
    if good:
        scratch.remove()
    return good


async def told(calls: AsyncIterator[Judged]) -> list[Judged]:
    """What came of some calls, which is printed as it comes."""
    verdicts = []
    async for one in calls:
        verdicts.append(one)
        print(one, flush=True)
    return verdicts


async def in_the_clear() -> list[Verdict]:
    """Every softphone in every role."""
    return [
        await judged(kind.name, role, partial(one_call, kind))
        for kind in SOFTPHONES
        for role in (NEWCOMER, *ROLES)
    ]


async def over_tls() -> list[Verdict]:
    """Over TLS, encrypted; anything else is refused by both sides. Linphone takes no calls over TLS, and
    calls once more with a password from where nobody is trusted."""
    authority = Authority(Path(tempfile.mkdtemp()))
    ways = ((Baresip, "caller"), (Baresip, "callee"), (Linphone, "caller"))
    verdicts = [
        await judged(f"{kind.name} over TLS", role, partial(one_secured_call, kind, authority))
        for kind, role in ways
    ]
    by_password = partial(one_secured_call_by_digest, Linphone, authority)
    return [*verdicts, await judged("linphone over TLS with a password", "caller", by_password)]


async def by_ipv6() -> list[Verdict]:
    """Every softphone, where there is nothing but IPv6."""
    return [
        await judged(f"{kind.name} by IPv6", role, partial(one_call_by_ipv6, kind))
        for kind in SOFTPHONES
        for role in ("caller", "callee")
    ]


async def with_options() -> list[Verdict]:
    """With a password, with encryption that may be passed over, and with packets of other lengths. Baresip
    1.0 gives up at a challenge that has SHA-256 beside MD5, and in an answer it asks for what was offered."""
    calls = [("linphone with a password", "caller", partial(one_call_by_digest, Linphone))]
    for kind in SOFTPHONES:
        for ptime in (30, 60):
            call = partial(one_call, kind, ptime=ptime)
            calls.append((f"{kind.name} with packets of {ptime} ms", "callee", call))
    for kind, encrypts in ((Baresip, True), (Baresip, False), (Linphone, False)):
        name = f"{kind.name} {'with' if encrypts else 'without'} encryption"
        calls.append((name, "callee", partial(one_call_that_may_be_encrypted, kind, encrypts)))
    for kind, role in ((Baresip, "caller"), (Linphone, "caller"), (Linphone, "callee")):
        calls.append((f"{kind.name} asking for 40 ms", role, partial(one_call_as_asked, kind)))
    return [await judged(*one) for one in calls]


async def through_three_kills() -> list[Verdict]:
    """Every softphone, on a call whose switch is killed three times."""
    return [
        await judged(
            f"{kind.name} through three kills", role, partial(one_call_through_kills, kind)
        )
        for kind in SOFTPHONES
        for role in ("caller", "callee")
    ]


async def judged(name: str, role: str, call: Call) -> Verdict:
    """What came of a call, which is printed."""
    async with AsyncExitStack() as stack:
        try:
            verdict = replace(await call(stack, role), softphone=name)
        except (TimeoutError, AssertionError) as error:
            print(error)
            verdict = Verdict(name, role)
    print(verdict, flush=True)
    return verdict


async def exchange_waits() -> list[Patience]:
    """The exchange, in calls in which it hears nothing but silence; a line each."""
    async with AsyncExitStack() as stack:
        exchange = await stack.enter_async_context(Exchange(ASTERISK, HOST, 5071))
        found = await wait_in_every_way(
            exchange, await a_customer(stack, IN_THE_CLEAR, SOFTPHONE())
        )
    for one in found:
        print(one, flush=True)
    return found


async def one_call(
    kind: type[Softphone], stack: AsyncExitStack, role: str, ptime: int = 20
) -> Verdict:
    """A server, a softphone, and a call from one to the other."""
    if role == NEWCOMER:
        return await newcomers_call(stack, kind)
    softphone = await stack.enter_async_context(kind(HOST, 5070, INTERFACE))
    customer = await a_customer(stack, IN_THE_CLEAR, SOFTPHONE(ptime=ptime))
    return await ROLES[role](customer, softphone)


async def one_call_through_kills(
    kind: type[Softphone], stack: AsyncExitStack, role: str
) -> Verdict:
    """It hears a long tone meanwhile."""
    softphone = await stack.enter_async_context(kind(HOST, 5070, INTERFACE))
    settings = {**IN_THE_CLEAR, "allowed_networks": f"{HOST}/32,127.0.0.0/8"}
    customer = await a_customer(stack, settings, SOFTPHONE())
    return await through_kills(customer, softphone, role, HOST)


async def one_call_that_may_be_encrypted(
    kind: type[Softphone], encrypts: bool, stack: AsyncExitStack, role: str
) -> Verdict:
    """Its trunk prefers encryption, which is offered beside what may be taken instead."""
    softphone = await stack.enter_async_context(kind(HOST, 5070, INTERFACE, encrypts=encrypts))
    customer = await a_customer(stack, IN_THE_CLEAR, SOFTPHONE(srtp="prefer"))
    verdict = await ROLES[role](customer, softphone)
    return replace(verdict, wanted=frozenset({"encrypted" if encrypts else "in the clear"}))


async def one_call_as_asked(kind: type[Softphone], stack: AsyncExitStack, role: str) -> Verdict:
    """Its description asks for packets of 40 ms, and nobody else says anything of them."""
    softphone = await stack.enter_async_context(kind(HOST, 5070, INTERFACE, ptime=40))
    customer = await a_customer(stack, {**IN_THE_CLEAR, "rtp_ports": RTP_PORTS}, SOFTPHONE())
    wire = await stack.enter_async_context(Wire())
    verdict = await ROLES[role](customer, softphone)
    sent = f"sent packets of {wire.packet_ms()} ms"
    happened = verdict.happened | {sent}
    return replace(verdict, wanted=frozenset({"sent packets of 40 ms"}), happened=happened)


async def one_call_by_digest(kind: type[Softphone], stack: AsyncExitStack, role: str) -> Verdict:
    """It calls with the password of a trunk that is elsewhere, a server that trusts nobody."""
    softphone = await stack.enter_async_context(kind(HOST, 5070, INTERFACE, credentials=KNOWN))
    customer = await a_customer(stack, {**IN_THE_CLEAR, **TRUSTING_NOBODY}, BY_PASSWORD())
    await asyncio.to_thread(know_trunk, customer.server, "branch")
    verdict = await ROLES[role](customer, softphone)
    return replace(verdict, wanted=frozenset({"by trunk branch"}))


async def one_secured_call(
    kind: type[Softphone], authority: Authority, stack: AsyncExitStack, role: str
) -> Verdict:
    """Between a server and a softphone that trust this authority, and want encryption."""
    tls = Tls(authority.issue(HOST).in_one_file(), authority.file)
    softphone = await stack.enter_async_context(kind(HOST, 5070, INTERFACE, tls=tls))
    trunk = trunks.Given(
        "softphone",
        proxy=f"{HOST}:{softphone.tls_port}",
        transport="tls",
        srtp="require",
        ca_file=authority.file,
    )
    customer = await a_customer(stack, {**encrypted(authority), "trusted_peers": TRUSTED}, trunk)
    verdict = await held_call(stack, customer, softphone, role)
    wanted = {"encrypted"} | ({"rekeyed"} if kind is Linphone else set())
    return replace(verdict, wanted=verdict.wanted | wanted)


async def one_secured_call_by_digest(
    kind: type[Softphone], authority: Authority, stack: AsyncExitStack, role: str
) -> Verdict:
    """The same, with the password of a trunk that is elsewhere, to a server that trusts nobody."""
    tls = Tls(authority.issue(HOST).in_one_file(), authority.file)
    softphone = await stack.enter_async_context(
        kind(HOST, 5070, INTERFACE, tls=tls, credentials=KNOWN)
    )
    settings = {**encrypted(authority), **TRUSTING_NOBODY}
    customer = await a_customer(stack, settings, BY_PASSWORD(srtp="require"))
    await asyncio.to_thread(know_trunk, customer.server, "branch")
    verdict = await held_call(stack, customer, softphone, role)
    return replace(verdict, wanted=verdict.wanted | {"encrypted", "rekeyed", "by trunk branch"})


def encrypted(authority: Authority) -> dict[str, str]:
    """Settings of a server that takes calls over TLS, and encrypted ones only."""
    issued = authority.issue(HOST)
    return {
        "sip": f"udp:{HOST}:0,tls:{HOST}:0",
        "sip_cert": issued.certificate,
        "sip_key": issued.key,
        "srtp": "require",
        "rtp_ports": RTP_PORTS,
    }


async def held_call(
    stack: AsyncExitStack, customer: Customer, softphone: Softphone, role: str
) -> Verdict:
    """A call that the softphone puts on hold, which is looked at on the wire."""
    softphone.holds = True
    softphone.wire = await stack.enter_async_context(Wire())
    return replace(await ROLES[role](customer, softphone), wanted=frozenset({"held"}))


async def one_call_by_ipv6(kind: type[Softphone], stack: AsyncExitStack, role: str) -> Verdict:
    """A server, a softphone, and a call from one to the other, by IPv6."""
    softphone = await stack.enter_async_context(kind(HOST_IPV6, 5070, INTERFACE))
    trunk = trunks.Given("softphone", proxy=f"[{HOST_IPV6}]:5070")
    settings = {
        "sip": f"udp:[{HOST_IPV6}]:0",
        "trusted_peers": TRUSTED,
        "rtp_ports": RTP_PORTS,
    }
    return await held_call(stack, await a_customer(stack, settings, trunk), softphone, role)


async def newcomers_call(stack: AsyncExitStack, kind: type[Softphone]) -> Verdict:
    """Everything as the page has it, but for the address of the machine."""
    listen, trusted = on_page(r"onhook serve --sip (\S+) --trusted-peers (\S+)")
    [number] = on_page(r"onhook number add (\S+)")
    server = Onhook({"sip": listen, "trusted_peers": trusted})
    stack.callback(server.close)
    receiver = await stack.enter_async_context(Receiver(repeats=False))
    phone = await stack.enter_async_context(Phone(host=HOST))
    customer = await Customer.make(server, receiver, phone)
    url = receiver.url("/answer")
    await accounts.add_number(server.data, number, customer.app_id, url)
    account = on_page(r'^    ("Mei Tan" \S+)$')[0] if kind.name == "baresip" else ""
    made = kind(HOST, 5070, INTERFACE, account=account)
    softphone = await stack.enter_async_context(made)
    softphone.call(on_page(rf"^    {DIALS[kind.name]} (\S+)$")[0])
    told = await receiver.next(PATIENCE_S, call_state="ringing")
    assert told.get("from_name") == ("Mei Tan" if account else None)
    return await converse(customer, softphone, told["session"], NEWCOMER)


def on_page(pattern: str) -> tuple[str, ...]:
    """What the page has in the groups of a pattern, with this machine's address for the one it takes."""
    found = re.search(pattern, PAGE.read_text(), re.MULTILINE)
    assert found is not None, f"docs/first-call.md has no {pattern}"
    network = HOST.rpartition(".")[0]
    return tuple(
        group.replace("192.168.1.20", HOST).replace("192.168.1", network)
        for group in found.groups()
    )


LABORATORIES: dict[str, tuple[tuple[str, str, str], Callable[[], Awaitable[Sequence[Judged]]]]] = {
    "asterisk": (IPV4, exchange_waits),
    "softphones": (IPV4, in_the_clear),
    "options": (IPV4, with_options),
    "tls": (IPV4, over_tls),
    "kills": (IPV4, through_three_kills),
    "ipv6": (IPV6, by_ipv6),
    "edge": (IPV4, lambda: told(at_the_edge(HOST, INTERFACE))),
    "carrier": (IPV4, lambda: told(carried(ASTERISK, HOST))),
    "nat": (IPV4, lambda: told(one_to_one())),
    "forgetful": (IPV4, lambda: told(forgetful())),
}
"""What there is in the network of each, and what is done there."""
WAITING = ("carrier", "nat", "forgetful", "edge", "ipv6")
"""Those that wait more than they do, and run beside all others."""
BY_NAME = ("kills",)
"""Those that are run only where they are named: a phone's own clock makes holes on a machine that is busy."""


def in_network(laboratory: str) -> bool:
    """Runs this program again in a network of its own; returns whether all was good."""
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    network, _ = LABORATORIES[laboratory]
    again = ["sh", "-e", "-c", NETWORK, "sh", *network, sys.executable, __file__]
    inside = {**os.environ, INSIDE: laboratory}
    return subprocess.run(["unshare", "--net", *as_root, *again], env=inside).returncode == 0


def all_good(laboratories: Sequence[str]) -> bool:
    """Runs these laboratories."""
    with ThreadPoolExecutor(len(WAITING)) as beside:
        waiting = [beside.submit(in_network, one) for one in laboratories if one in WAITING]
        results = [in_network(one) for one in laboratories if one not in WAITING]
        return all(results + [one.result() for one in waiting])


if __name__ == "__main__":
    if INSIDE in os.environ:
        sys.exit(0 if asyncio.run(main(os.environ[INSIDE])) else 1)
    sys.exit(
        0 if all_good(sys.argv[1:] or [one for one in LABORATORIES if one not in BY_NAME]) else 1
    )
