"""``make interop``: softphones and an exchange that other people wrote call a real server, and are called.

An exchange, Asterisk 22, which ends calls in which it hears nothing for five seconds, is recorded, asked
for keys, left alone and put on hold, for twelve seconds each. As a carrier it wants to be registered with
over TLS, by its domain, whose first server is not there, and takes encrypted calls only, with reliable
provisional responses and session timers; a call to it and one from it outlive these. Each softphone is
asked for a key, says something that is recorded, and is hung up with a message; then a caller in another
codec is joined to it. As a newcomer's, it is set up, and calls, as docs/first-call.md says. Baresip does
so over TLS too, with its audio encrypted, and holds the call for a while; and both do by IPv6, where
nobody has another address. What the far side understood and what the softphone heard is printed, a line a
call. Each of these laboratories is a network of its own, with an interface that only it has, because
baresip does not use the loopback; ``interop.py tls`` is one of them alone.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from acceptance.carrier import Carried, carried
from acceptance.exchange import Exchange, Patience, wait_in_every_way
from acceptance.harness import Customer, Onhook
from acceptance.heard import fetch, tone_s
from acceptance.softphones import NUMBER, SAYS_HZ, SOFTPHONES, Baresip, Softphone, Tls, in_uri
from acceptance.verdicts import Verdict
from onhook.cli import accounts, trunks
from onhook.testing.g711 import RATE_HZ
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver
from onhook.testing.tones import speech_like, tone
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
PATIENCE_S = 20.0
ASTERISK = Path(os.environ.get("ONHOOK_ASTERISK", "/var/cache/onhook/asterisk"))
"""Where it is installed."""
SAID_HZ = 1100
"""The tone of the caller who is joined to the softphone."""
IN_THE_CLEAR = ({"sip": f"{HOST}:0"}, trunks.Given("softphone", proxy=f"{HOST}:5070"))
"""Settings of a server, and its trunk."""
ASKED = "Please press a key, and then talk."
GREETING = "Good morning. You will hear this to its end before you put the call on hold."
FAREWELL = "Thank you, that was all. Good bye."

Of = TypeVar("Of", type[Softphone], Authority)
Call = Callable[[AsyncExitStack, Of, str], Awaitable[Verdict]]
"""A call of a kind of softphone, or of one with certificates of this authority, in a role."""
Judged = Verdict | Patience | Carried


async def main(laboratory: str) -> bool:
    """Prints a line a call; returns whether all were good."""
    scratch = Scratch()
    _, work = LABORATORIES[laboratory]
    good = all(verdict.good for verdict in await work())
    if good:
        scratch.remove()
    return good


async def through_a_carrier() -> list[Carried]:
    """A call to it, and one from it."""
    verdicts = []
    async for one in carried(ASTERISK, HOST):
        verdicts.append(one)
        print(one, flush=True)
    return verdicts


async def in_the_clear() -> list[Verdict]:
    """Every softphone in every role."""
    return [
        await judged(kind.name, role, one_call, kind)
        for kind in SOFTPHONES
        for role in (NEWCOMER, *ROLES)
    ]


async def over_tls() -> list[Verdict]:
    """Baresip over TLS, encrypted, with a hold; anything else is refused by both sides."""
    authority = Authority(Path(tempfile.mkdtemp()))
    name = f"{Baresip.name} over TLS"
    roles = ("caller", "callee")
    return [await judged(name, role, one_secured_call, authority) for role in roles]


async def by_ipv6() -> list[Verdict]:
    """Every softphone, where there is nothing but IPv6."""
    return [
        await judged(f"{kind.name} by IPv6", role, one_call_by_ipv6, kind)
        for kind in SOFTPHONES
        for role in ("caller", "callee")
    ]


async def judged(name: str, role: str, call: Call[Of], of: Of) -> Verdict:
    """What came of a call, which is printed."""
    async with AsyncExitStack() as stack:
        try:
            verdict = replace(await call(stack, of, role), softphone=name)
        except (TimeoutError, AssertionError) as error:
            print(error)
            verdict = Verdict(name, role)
    print(verdict, flush=True)
    return verdict


async def exchange_waits() -> list[Patience]:
    """The exchange, in calls in which it hears nothing but silence; a line each."""
    async with AsyncExitStack() as stack:
        exchange = await stack.enter_async_context(Exchange(ASTERISK, HOST, 5071))
        found = await wait_in_every_way(exchange, await a_customer(stack, *IN_THE_CLEAR))
    for one in found:
        print(one, flush=True)
    return found


async def one_call(stack: AsyncExitStack, kind: type[Softphone], role: str) -> Verdict:
    """A server, a softphone, and a call from one to the other."""
    if role == NEWCOMER:
        return await newcomers_call(stack, kind)
    softphone = await stack.enter_async_context(kind(HOST, 5070, INTERFACE))
    return await ROLES[role](await a_customer(stack, *IN_THE_CLEAR), softphone)


async def one_secured_call(stack: AsyncExitStack, authority: Authority, role: str) -> Verdict:
    """Between a server and a baresip that trust this authority, and want encryption."""
    tls = Tls(authority.issue(HOST).in_one_file(), authority.file)
    softphone = await stack.enter_async_context(Baresip(HOST, 5070, INTERFACE, tls=tls))
    issued = authority.issue(HOST)
    settings = {
        "sip": f"udp:{HOST}:0,tls:{HOST}:0",
        "sip_cert": issued.certificate,
        "sip_key": issued.key,
        "srtp": "require",
    }
    trunk = trunks.Given(
        "softphone",
        proxy=f"{HOST}:{softphone.tls_port}",
        transport="tls",
        srtp="require",
        ca_file=authority.file,
    )
    customer = await a_customer(stack, settings, trunk)
    verdict = await ROLES[role](customer, softphone)
    return replace(verdict, wanted=frozenset({"encrypted", "held"}))


async def one_call_by_ipv6(stack: AsyncExitStack, kind: type[Softphone], role: str) -> Verdict:
    """A server, a softphone, and a call from one to the other, by IPv6."""
    softphone = await stack.enter_async_context(kind(HOST_IPV6, 5070, INTERFACE))
    trunk = trunks.Given("softphone", proxy=f"[{HOST_IPV6}]:5070")
    customer = await a_customer(stack, {"sip": f"udp:[{HOST_IPV6}]:0"}, trunk)
    return await ROLES[role](customer, softphone)


async def a_customer(
    stack: AsyncExitStack, settings: Mapping[str, str], trunk: trunks.Given
) -> Customer:
    """An application on a server of its own, with a trunk to the softphone."""
    server = Onhook({"trusted_peers": f"{HOST}/32,{HOST_IPV6}/128", **settings})
    stack.callback(server.close)
    await trunks.add(server.data, trunk)
    receiver = await stack.enter_async_context(Receiver())
    host, _ = server.sip
    phone = await stack.enter_async_context(Phone(host=host.strip("[]")))
    return await Customer.make(server, receiver, phone)


async def newcomers_call(stack: AsyncExitStack, kind: type[Softphone]) -> Verdict:
    """Everything as the page has it, but for the address of the machine."""
    listen, trusted = on_page(r"onhook serve --sip (\S+) --trusted-peers (\S+)")
    [number] = on_page(r"onhook number add (\S+)")
    server = Onhook({"sip": listen, "trusted_peers": trusted})
    stack.callback(server.close)
    receiver = await stack.enter_async_context(Receiver())
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


async def as_caller(customer: Customer, softphone: Softphone) -> Verdict:
    """It calls a number of the application."""
    over = "tls" if softphone.tls else "udp"
    host, port = customer.server.sip_over(over, ipv6=":" in softphone.address[0])
    softphone.call(f"sip:{customer.number}@{in_uri(host)}:{port}")
    told = await customer.receiver.next(PATIENCE_S, call_state="ringing")
    return await converse(customer, softphone, told["session"], "caller")


async def as_callee(customer: Customer, softphone: Softphone) -> Verdict:
    """The application calls it."""
    url = customer.receiver.url("/dial")
    made = await customer.post("ivr/start/dial", dest=NUMBER, msg="Hello.", notify_url=url)
    assert made["status"] == "success_ok", made
    told = await customer.receiver.next(PATIENCE_S, ivr_block="dial", call_state="ongoing")
    return await converse(customer, softphone, told["session"], "callee")


async def joined(customer: Customer, softphone: Softphone) -> Verdict:
    """A caller, whose codec is the other one, is transferred to it."""
    call, told = await customer.call(codecs=("PCMU",))
    await customer.block("end/transfer", told["session"], dest=NUMBER)
    await call.answered()
    await asyncio.sleep(1)  # the softphone answers by itself
    await call.say(tone(SAID_HZ, 3000))
    softphone.press("5")
    await asyncio.sleep(1)
    await call.hang_up()
    last = await customer.receiver.next(PATIENCE_S, ivr_block="transfer")
    await softphone.close()
    digits, understood_s = (
        call.recording.digits(),
        tone_s(call.recording.pcm(), RATE_HZ, hz=SAYS_HZ),
    )
    heard_s = tone_s(*softphone.heard(), hz=SAID_HZ)
    return Verdict(softphone.name, "joined", digits, understood_s, heard_s, last["ended_by"])


async def converse(customer: Customer, softphone: Softphone, session: str, role: str) -> Verdict:
    """A key, a recording, and a message with which the call ends."""
    happened = await held(customer, softphone, session)
    await customer.block("middle/gather", session, msg=ASKED, max_digits="1")
    await asyncio.sleep(2)  # a person listens first
    softphone.press("5")
    typed = await customer.receiver.next(PATIENCE_S, ivr_block="gather")
    await customer.block("middle/record", session, max_duration="3")
    recorded = await customer.receiver.next(PATIENCE_S, ivr_block="record")
    await customer.block("end/hangup", session, msg=FAREWELL)
    last = await customer.receiver.next(PATIENCE_S, ivr_block="hangup")
    understood_s = tone_s(*await fetch(recorded["record_url"]), hz=SAYS_HZ)
    await softphone.close()
    heard_s = speech_like(*softphone.heard()).voiced_s
    happened |= await encrypted(customer, session)
    return Verdict(
        softphone.name,
        role,
        typed["digits"],
        understood_s,
        heard_s,
        last["ended_by"],
        happened=happened,
    )


async def held(customer: Customer, softphone: Softphone, session: str) -> frozenset[str]:
    """When a message is over, it puts the call on hold and takes it up again, if it is one that is to.

    What baresip gets after that it counts, but no longer writes to its file.
    """
    if not isinstance(softphone, Baresip) or softphone.tls is None:
        return frozenset()
    await customer.block("middle/play", session, msg=GREETING)
    await customer.receiver.next(PATIENCE_S, ivr_block="play")
    return frozenset({"held"} if await softphone.hold() and await softphone.resume() else ())


async def encrypted(customer: Customer, session: str) -> frozenset[str]:
    """Whether ``onhook calls show`` says that the call was encrypted."""
    data = str(customer.server.data)
    asking = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "onhook", "calls", "show", session, "--data", data, "--json"),
        stdout=subprocess.PIPE,
    )
    shown, _ = await asking.communicate()
    return frozenset({"encrypted"} if json.loads(shown)["srtp"] else ())


ROLES = {"caller": as_caller, "callee": as_callee, "joined": joined}


LABORATORIES: dict[str, tuple[tuple[str, str, str], Callable[[], Awaitable[Sequence[Judged]]]]] = {
    "asterisk": (IPV4, exchange_waits),
    "carrier": (IPV4, through_a_carrier),
    "softphones": (IPV4, in_the_clear),
    "tls": (IPV4, over_tls),
    "ipv6": (IPV6, by_ipv6),
}
"""What there is in the network of each, and what is done there."""


def in_network(laboratory: str) -> bool:
    """Runs this program again in a network of its own; returns whether all was good."""
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    network, _ = LABORATORIES[laboratory]
    again = ["sh", "-e", "-c", NETWORK, "sh", *network, sys.executable, __file__]
    inside = {**os.environ, INSIDE: laboratory}
    return subprocess.run(["unshare", "--net", *as_root, *again], env=inside).returncode == 0


if __name__ == "__main__":
    if INSIDE in os.environ:
        sys.exit(0 if asyncio.run(main(os.environ[INSIDE])) else 1)
    results = [in_network(laboratory) for laboratory in sys.argv[1:] or LABORATORIES]
    sys.exit(0 if all(results) else 1)
