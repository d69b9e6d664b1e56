"""``make interop``: softphones that other people wrote call a real server and are called by it.

Each is asked for a key, says something that is recorded, and is hung up with a message. What the server
understood and what the softphone heard is printed, a line a call. It happens in a network of its own,
with an interface that only it has, because baresip does not use the loopback.
"""

import asyncio
import io
import os
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass

import aiohttp
import numpy as np
import soundfile

from acceptance.harness import Customer, Onhook
from acceptance.softphones import NUMBER, SAYS_HZ, SOFTPHONES, Softphone
from onhook.cli import trunks
from onhook.testing.phone import Phone
from onhook.testing.receiver import Notification, Receiver
from onhook.testing.tones import find_tones, speech_like

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
PATIENCE_S = 20.0
ASKED = "Please press a key, and then talk."
FAREWELL = "Thank you, that was all. Good bye."


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one call."""

    softphone: str
    role: str
    digits: str
    """What the server understood."""
    tone_s: float
    """How much of the softphone's tone is in the server's recording."""
    speech_s: float
    """How much voiced speech the softphone heard."""
    ended_by: str

    @property
    def good(self) -> bool:
        """Whether both sides understood one another."""
        heard = self.tone_s > 1.0 and self.speech_s > 1.0
        return heard and self.digits == "5" and self.ended_by == "application"

    def __str__(self) -> str:
        return (
            f"{self.softphone:9} as {self.role}: {'good' if self.good else 'BAD '}  it heard "
            f"{self.speech_s:.1f} s of speech; the server heard {self.tone_s:.1f} s of its tone and "
            f"the key {self.digits or 'none'}; ended by the {self.ended_by}"
        )


async def main() -> bool:
    """Prints a line a call; returns whether all were good."""
    verdicts: list[Verdict] = []
    for kind in SOFTPHONES:
        for role in ("caller", "callee"):
            async with AsyncExitStack() as stack:
                try:
                    verdicts.append(await one_call(stack, kind, role))
                except TimeoutError as error:
                    verdicts.append(Verdict(kind.name, role, "", 0.0, 0.0, f"? {error}"))
            print(verdicts[-1], flush=True)
    return all(verdict.good for verdict in verdicts)


async def one_call(stack: AsyncExitStack, kind: type[Softphone], role: str) -> Verdict:
    """A server, a softphone, and a call from one to the other."""
    softphone = await stack.enter_async_context(kind(HOST, 5070, INTERFACE))
    server = Onhook({"sip": f"{HOST}:0", "trusted_peers": f"{HOST}/32"})
    stack.callback(server.close)
    await trunks.add(server.data, trunks.Given("softphone", proxy=f"{HOST}:5070"))
    receiver = await stack.enter_async_context(Receiver())
    phone = await stack.enter_async_context(Phone(host=HOST))
    customer = await Customer.make(server, receiver, phone)
    if role == "caller":
        softphone.call(f"sip:{customer.number}@{server.sip[0]}:{server.sip[1]}")
        told = await receiver.next(PATIENCE_S, call_state="ringing")
    else:
        await asyncio.sleep(1)  # a running server takes a new trunk over within a second
        url = receiver.url("/dial")
        made = await customer.post("ivr/start/dial", dest=NUMBER, msg="Hello.", notify_url=url)
        assert made["status"] == "success_ok", made
        told = await receiver.next(PATIENCE_S, ivr_block="dial")
    digits, tone_s, last = await converse(customer, softphone, told["session"])
    await softphone.close()
    speech_s = speech_like(*softphone.heard()).voiced_s
    return Verdict(kind.name, role, digits, tone_s, speech_s, last["ended_by"])


async def converse(
    customer: Customer, softphone: Softphone, session: str
) -> tuple[str, float, Notification]:
    """A key, a recording, and the end; all that the server understood."""
    await customer.block("middle/gather", session, msg=ASKED, max_digits="1")
    await asyncio.sleep(2)  # a person listens first
    softphone.press("5")
    typed = await customer.receiver.next(PATIENCE_S, ivr_block="gather")
    await customer.block("middle/record", session, max_duration="3")
    recorded = await customer.receiver.next(PATIENCE_S, ivr_block="record")
    await customer.block("end/hangup", session, msg=FAREWELL)
    last = await customer.receiver.next(PATIENCE_S, ivr_block="hangup")
    return typed["digits"], await tone_s(recorded["record_url"]), last


async def tone_s(url: str) -> float:
    """How much of the softphone's tone is in a recording."""
    async with aiohttp.ClientSession() as session, session.get(url) as reply:
        sound, rate = soundfile.read(io.BytesIO(await reply.read()), dtype="int16")
    spans = find_tones(np.asarray(sound, dtype=np.int16), SAYS_HZ, rate)
    return sum(end - start for start, end in spans) / 1000


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
