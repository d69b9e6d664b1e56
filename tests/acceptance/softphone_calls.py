"""Calls between a softphone that other people wrote and an application, and what came of them.

Each is asked for a key, says something that is recorded, and is hung up with a message.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack

from acceptance.harness import Customer, Onhook
from acceptance.heard import fetch, tone_s
from acceptance.softphones import NUMBER, SAYS_HZ, Softphone, in_uri
from acceptance.talking import hears, typed
from acceptance.verdicts import Verdict
from onhook.cli import trunks
from onhook.testing.g711 import RATE_HZ
from onhook.testing.phone import Phone
from onhook.testing.receiver import Receiver
from onhook.testing.tones import speech_like, tone

PATIENCE_S = 60.0
SAID_HZ = 1100
"""The tone of the caller who is joined to the softphone."""
ASKED = "Please press a key, and then talk."
GREETING = "Good morning. You will hear this to its end before you put the call on hold."
FAREWELL = "Thank you, that was all. Good bye."


async def a_customer(
    stack: AsyncExitStack, settings: Mapping[str, str], trunk: trunks.Given
) -> Customer:
    """An application on a server of its own, with a trunk to the softphone."""
    server = Onhook(settings)
    stack.callback(server.close)
    await trunks.add(server.data, trunk)
    receiver = await stack.enter_async_context(Receiver(repeats=False))
    host, _ = server.sip
    phone = await stack.enter_async_context(Phone(host=host.strip("[]")))
    return await Customer.make(server, receiver, phone)


async def begin(customer: Customer, softphone: Softphone, role: str) -> str:
    """A call with it: the ``caller`` calls a number of the application, which calls the ``callee``. Returns
    the session."""
    if role == "caller":
        over = "tls" if softphone.tls else "udp"
        host, port = customer.server.sip_over(over, ipv6=":" in softphone.address[0])
        softphone.call(f"sip:{customer.number}@{in_uri(host)}:{port}")
        told = await customer.receiver.next(PATIENCE_S, call_state="ringing")
    else:
        url = customer.receiver.url("/dial")
        made = await customer.post("ivr/start/dial", dest=NUMBER, msg="Hello.", notify_url=url)
        assert made["status"] == "success_ok", made
        told = await customer.receiver.next(PATIENCE_S, ivr_block="dial", call_state="ongoing")
    return told["session"]


async def as_caller(customer: Customer, softphone: Softphone) -> Verdict:
    """It calls a number of the application."""
    return await converse(customer, softphone, await begin(customer, softphone, "caller"), "caller")


async def as_callee(customer: Customer, softphone: Softphone) -> Verdict:
    """The application calls it."""
    return await converse(customer, softphone, await begin(customer, softphone, "callee"), "callee")


async def joined(customer: Customer, softphone: Softphone) -> Verdict:
    """A caller, whose codec is the other one, is transferred to it."""
    call, told = await customer.call(codecs=("PCMU",))
    await customer.block("end/transfer", told["session"], dest=NUMBER)
    await call.answered()
    await hears(call, SAYS_HZ)  # the softphone answers by itself
    await call.say(tone(SAID_HZ, 3000))
    softphone.press("5")
    await typed(call, "5")
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
    happened |= await seen(customer, session)
    if softphone.rekeyed():
        happened |= {"rekeyed"}
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

    Where there is a wire to look at, it is seen there what is sent meanwhile. What baresip gets after that it
    counts, but no longer writes to its file.
    """
    if not softphone.holds:
        return frozenset()
    await customer.block("middle/play", session, msg=GREETING)
    await customer.receiver.next(PATIENCE_S, ivr_block="play")
    if softphone.wire is not None:
        seen = await softphone.wire.is_held(softphone.hold, softphone.resume)
    else:
        seen = await softphone.hold() and await softphone.resume()
    return frozenset({"held"} if seen else ())


async def seen(customer: Customer, session: str) -> frozenset[str]:
    """What ``onhook calls show`` says of the call: whether it was encrypted, and by which trunk it came."""
    data = str(customer.server.data)
    asking = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "onhook", "calls", "show", session, "--data", data, "--json"),
        stdout=subprocess.PIPE,
    )
    shown, _ = await asking.communicate()
    record = json.loads(shown)
    trunk = {f"by trunk {record['trunk']}"} if record["trunk"] else set()
    return frozenset(trunk | {"encrypted" if record["srtp"] else "in the clear"})


ROLES = {"caller": as_caller, "callee": as_callee, "joined": joined}
"""Who begins: it, or the application; or a caller who is transferred to it."""
