"""``make interop``: softphones and an exchange that other people wrote call a real server, and are called.

An exchange, Asterisk 22, which ends calls in which it hears nothing for five seconds, is recorded, asked
for keys, left alone and put on hold, for twelve seconds each. As a carrier it wants to be registered with
over TLS, by its domain, whose first server is not there, and takes encrypted calls only, with reliable
provisional responses and session timers; a call to it and one from it outlive these. Each softphone is
asked for a key, says something that is recorded, and is hung up with a message; then a caller in another
codec is joined to it. As a newcomer's, it is set up, and calls, as docs/first-call.md says. What the far
side understood and what the softphone heard is printed, a line a call. It happens in a network of its own,
with an interface that only it has, because baresip does not use the loopback.
"""

import asyncio
import os
import re
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from acceptance.carrier import Carried, carried
from acceptance.exchange import Exchange, Patience, wait_in_every_way
from acceptance.harness import Customer, Onhook
from acceptance.heard import fetch, tone_s
from acceptance.softphones import NUMBER, SAYS_HZ, SOFTPHONES, Softphone
from onhook.cli import accounts, trunks
from onhook.testing.g711 import RATE_HZ
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver
from onhook.testing.tones import speech_like, tone
from scratch import Scratch

HOST, INTERFACE = "10.99.0.1", "onhook0"
NETWORK = f"""
ip link set lo up
ip link add {INTERFACE} type veth peer name onhook1
ip addr add {HOST}/24 dev {INTERFACE}
ip link set {INTERFACE} up
ip link set onhook1 up
ip route add default dev {INTERFACE}
exec "$@"
"""
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
ASKED = "Please press a key, and then talk."
FAREWELL = "Thank you, that was all. Good bye."


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one call."""

    softphone: str
    role: str
    digits: str = ""
    """The keys that the far side understood."""
    understood_s: float = 0.0
    """How much of the softphone's tone the far side heard."""
    heard_s: float = 0.0
    """How much the softphone heard: voiced speech, or the other caller's tone."""
    ended_by: str = "nobody"

    @property
    def good(self) -> bool:
        """Whether both sides understood one another."""
        hanging_up = "caller" if self.role == "joined" else "application"
        heard = self.understood_s > 1.0 and self.heard_s > 1.0
        return heard and self.digits == "5" and self.ended_by == hanging_up

    def __str__(self) -> str:
        return (
            f"{self.softphone:8} as {self.role}: {'good' if self.good else 'BAD '}  it heard "
            f"{self.heard_s:.1f} s; of its tone {self.understood_s:.1f} s were heard, and the key "
            f"{self.digits or 'none'}; hung up by the {self.ended_by}"
        )


async def main() -> bool:
    """Prints a line a call; returns whether all were good."""
    scratch = Scratch()
    verdicts: list[Verdict | Patience | Carried] = [*await exchange_waits()]
    async for one in carried(ASTERISK, HOST):
        verdicts.append(one)
        print(one, flush=True)
    for kind in SOFTPHONES:
        for role in (NEWCOMER, *ROLES):
            async with AsyncExitStack() as stack:
                try:
                    verdicts.append(await one_call(stack, kind, role))
                except (TimeoutError, AssertionError) as error:
                    print(error)
                    verdicts.append(Verdict(kind.name, role))
            print(verdicts[-1], flush=True)
    good = all(verdict.good for verdict in verdicts)
    if good:
        scratch.remove()
    return good


async def exchange_waits() -> list[Patience]:
    """The exchange, in calls in which it hears nothing but silence; a line each."""
    async with AsyncExitStack() as stack:
        exchange = await stack.enter_async_context(Exchange(ASTERISK, HOST, 5071))
        found = await wait_in_every_way(exchange, await a_customer(stack))
    for one in found:
        print(one, flush=True)
    return found


async def one_call(stack: AsyncExitStack, kind: type[Softphone], role: str) -> Verdict:
    """A server, a softphone, and a call from one to the other."""
    if role == NEWCOMER:
        return await newcomers_call(stack, kind)
    softphone = await stack.enter_async_context(kind(HOST, 5070, INTERFACE))
    return await ROLES[role](await a_customer(stack), softphone)


async def a_customer(stack: AsyncExitStack) -> Customer:
    """An application on a server of its own, with a trunk to the softphone."""
    server = Onhook({"sip": f"{HOST}:0", "trusted_peers": f"{HOST}/32"})
    stack.callback(server.close)
    await trunks.add(server.data, trunks.Given("softphone", proxy=f"{HOST}:5070"))
    receiver = await stack.enter_async_context(Receiver())
    phone = await stack.enter_async_context(Phone(host=HOST))
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
    host, port = customer.server.sip
    softphone.call(f"sip:{customer.number}@{host}:{port}")
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
    return Verdict(softphone.name, role, typed["digits"], understood_s, heard_s, last["ended_by"])


ROLES = {"caller": as_caller, "callee": as_callee, "joined": joined}


def enter_network() -> None:
    """Runs this program again in a network of its own."""
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    again = ["sh", "-e", "-c", NETWORK, "sh", sys.executable, *sys.argv]
    os.environ[INSIDE] = "1"
    os.execvp("unshare", ["unshare", "--net", *as_root, *again])


if __name__ == "__main__":
    if INSIDE not in os.environ:
        enter_network()
    sys.exit(0 if asyncio.run(main()) else 1)
