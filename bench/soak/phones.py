"""Phones that go through every kind of call but those of the crowd, one by one, in shifts.

A shift has phones of its own, since a phone remembers all that it ever heard. Those of half the calls speak
SIP over TLS and send SRTP; whom they reach is behind another trunk, and wants it too.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from itertools import count

from acceptance.files import FileServer, wav
from acceptance.harness import Callee, Customer, TrunkLine
from acceptance.kinds import KINDS, Stage
from acceptance.talking import arrived
from onhook.testing.phone import Phone
from onhook.testing.phone_call import PhoneError
from onhook.testing.streams import PhoneTls
from onhook.testing.tones import tone

SHIFT_S = 30.0
EVERY_S = 0.5
FAR = "127.0.0.2"
"""Where the trunks lead: calls from there would come by them, and be encrypted or not as those want."""
_CALL_S = 90.0
_LONGEST_S = 20.0
_FILE = wav(tone(440, 1500))
_messages = count(1)
_OPEN = 1000
"""Half of what stays open; the crowd's new messages are the rest."""
_AT_ONCE = 15
"""Files in a message: it has 1000 characters."""

Kind = Callable[[Stage], Awaitable[None]]


async def spoken(stage: Stage) -> None:
    """What was never spoken before, and then again what was."""
    msg = f"Your order with the number {next(_messages)} is on its way to you."
    call, session = await stage.up("middle/play", msg=msg)
    await stage.customer.receiver.next(session=session, ivr_block="play")
    await stage.customer.hangup(session, msg="Good bye.")
    await call.ended(timeout_s=30)


async def stayed(stage: Stage) -> None:
    """A caller who stays for long, and presses keys."""
    call, session = await stage.up(
        "middle/gather", max_digits="4", timeout="60", msg="Please wait."
    )
    for key in "1234":
        await asyncio.sleep(random.uniform(1.0, _LONGEST_S / 4))
        await call.send_digits(key)
    await stage.customer.receiver.next(60, session=session, ivr_block="gather")
    await call.hang_up()


async def put_on_hold(stage: Stage) -> None:
    """The caller holds the call, and takes it up again."""
    call, _ = await stage.up("middle/monitor")
    await arrived(call, 5, 0.0)
    await call.hold()
    await call.unhold()
    await call.hang_up()


def listened(files: FileServer, each_new: int = 0) -> Kind:
    """A file of a web server is played to the caller; or so many short ones that were never played before."""
    url = files.serve("message.wav", _FILE)

    async def listening(stage: Stage) -> None:
        new = [
            files.serve(f"{name}.wav", wav(tone(300 + name / 10, 100)))
            for name in (next(_messages) for _ in range(each_new))
        ]
        msg = "".join(f"<url>{each}</url>" for each in new or [url])
        call, _ = await stage.up("end/hangup", msg=msg)
        await call.ended(timeout_s=30)

    return listening


@dataclass(slots=True)
class Outcomes:
    """What became of the calls of all shifts."""

    done: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    reasons: list[str] = field(default_factory=list)
    """Of the first failures."""


@dataclass(frozen=True, slots=True)
class Lines:
    """How the phones of shifts are reached, and whom they trust."""

    plain: TrunkLine
    encrypted: TrunkLine
    tls: PhoneTls


async def shift(
    customer: Customer,
    lines: Lines,
    files: FileServer,
    outcomes: Outcomes,
    seconds: float = SHIFT_S,
    kinds: Sequence[Kind] = (),
) -> None:
    """Calls of kinds drawn by lot (or of these, each once) for so long; returns when they are over."""
    every: tuple[Kind, ...] = (*KINDS, spoken, stayed, put_on_hold, listened(files))
    async with AsyncExitStack() as stack:
        stages = await _stages(stack, customer, lines)
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + seconds
        waiting = list(kinds)
        async with asyncio.TaskGroup() as group:
            while waiting if kinds else loop.time() < ends_s:
                kind = waiting.pop() if kinds else random.choice(every)
                group.create_task(_one(kind, random.choice(stages), outcomes))
                await asyncio.sleep(EVERY_S)
    await _forget(customer)


async def fill(customer: Customer, lines: Lines, files: FileServer, outcomes: Outcomes) -> None:
    """As many new prompts as the server keeps open, about."""
    kinds = [listened(files, each_new=_AT_ONCE)] * (_OPEN // _AT_ONCE)
    await shift(customer, lines, files, outcomes, kinds=kinds)


def every_kind(files: FileServer) -> list[Kind]:
    """Each kind once."""
    return [*KINDS, spoken, put_on_hold, listened(files)]


async def _stages(stack: AsyncExitStack, customer: Customer, lines: Lines) -> list[Stage]:
    phone = await stack.enter_async_context(Phone())
    called = await stack.enter_async_context(Phone(host=FAR, port=lines.plain.port))
    secret = await stack.enter_async_context(Phone(transport="tls", tls=lines.tls, srtp="require"))
    secret_called = await stack.enter_async_context(
        Phone(host=FAR, port=lines.encrypted.port, srtp="prefer")
    )
    return [
        Stage(replace(customer, phone=phone), Callee(called, lines.plain)),
        Stage(replace(customer, phone=secret), Callee(secret_called, lines.encrypted), "tls"),
    ]


async def _one(kind: Kind, stage: Stage, outcomes: Outcomes) -> None:
    name = kind.__name__
    try:
        async with asyncio.timeout(_CALL_S):
            await kind(stage)
    except (AssertionError, PhoneError, TimeoutError, OSError) as error:
        outcomes.failed[name] += 1
        if len(outcomes.reasons) < 20:
            outcomes.reasons.append(f"{name} ({stage.transport}): {error}"[:600])
    else:
        outcomes.done[name] += 1


async def _forget(customer: Customer) -> None:
    """What the receiver keeps of notifications that nobody waits for."""
    receiver = customer.receiver
    for told in receiver.waiting():
        await receiver.next(session=told["session"])
    receiver.notifications.clear()
