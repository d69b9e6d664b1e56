"""Calls of every kind, each a function that plays all parts in one: the caller, the application, and whoever
is called."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count

from acceptance.asking import OK, heard
from acceptance.harness import Callee, Customer
from acceptance.talking import arrived
from onhook.testing.phone_call import PhoneCall

NOWHERE = "http://nowhere.invalid/"


@dataclass
class Stage:
    """A server of its own, its customer, and phones at both ends."""

    customer: Customer
    callee: Callee
    transport: str = "udp"
    """By which the phone of the customer calls."""
    callers = count(81_000_000)

    async def ringing(self) -> tuple[PhoneCall, str]:
        """A call that rings, and its session."""
        caller = f"+65{next(self.callers)}"
        customer = self.customer
        where = customer.server.sip_over(self.transport)
        call = await customer.phone.call(customer.number, server=where, caller=caller)
        wanted = {"from": caller, "call_state": "ringing"}  # one name of which is a keyword
        told = await customer.receiver.next(30, **wanted)
        return call, told["session"]

    async def up(self, path: str, **params: str) -> tuple[PhoneCall, str]:
        """A call that was answered by this block, and its session."""
        call, session = await self.ringing()
        await self.customer.block(path, session, **params)
        await call.answered()
        return call, session

    async def post(self, path: str, **params: str) -> dict[str, str]:
        """A request that is accepted."""
        reply = await self.customer.post(path, **params)
        assert reply["status"] == "success_ok", reply
        return reply


async def given_up(stage: Stage) -> None:
    call, _ = await stage.ringing()
    await call.ringing()
    await call.cancel()


async def refused_and_rejected(stage: Stage) -> None:
    """Requests that fail when half of what they need is there already."""
    call, session = await stage.ringing()
    for dest in ("room:R1", stage.callee.another()):
        params = {"session": session, "dest": dest}
        for more in ({"notify_url": NOWHERE}, {"caller_id": "+6590000000", "msg": "Hi."}):
            await stage.customer.post("ivr/end/transfer", **params, **more)
            if call.is_up():  # a room shows no number to anybody
                await call.hang_up()
                return
    await stage.customer.post("ivr/middle/record", session=session, notify_url=NOWHERE)
    await stage.customer.hangup(session)
    await call.ended()


async def gathered(stage: Stage) -> None:
    call, _ = await stage.up("middle/gather", max_digits="1")
    await call.send_digits("1")
    await call.hang_up()


async def recorded(stage: Stage) -> None:
    call, _ = await stage.up("middle/record")
    await arrived(call, 5, 0.0)
    await call.send_digits("#")
    await call.hang_up()


async def cut_while_recorded(stage: Stage) -> None:
    call, session = await stage.up("middle/record")
    await arrived(call, 5, 0.0)
    assert await stage.customer.hangup(session, force="enabled") == OK
    await call.ended()


async def monitored(stage: Stage) -> None:
    call, _ = await stage.up("middle/monitor")
    await arrived(call, 5, 0.0)
    await call.hang_up()


async def held(stage: Stage) -> None:
    call, session = await stage.ringing()
    await stage.post("ivr/middle/hold", session=session)
    await call.answered()
    await heard(call, 3)
    await call.hang_up()


async def passed_on(stage: Stage) -> None:
    number = stage.callee.another()
    call, _ = await stage.up("end/transfer", dest=number + ",1")
    peer = await stage.callee.phone.incoming(called=number)
    await peer.answer()
    await peer.hang_up()
    await call.ended()


async def passed_on_in_vain(stage: Stage) -> None:
    number = stage.callee.another()
    call, session = await stage.up("end/transfer", dest=number, on_failure="continue")
    (await stage.callee.phone.incoming(called=number)).reject(486)
    await stage.customer.receiver.next(session=session, transfer_status="busy")
    await call.hang_up()


async def given_up_while_passed_on(stage: Stage) -> None:
    number = stage.callee.another()
    call, _ = await stage.up("end/transfer", dest=number)
    peer = await stage.callee.phone.incoming(called=number)
    peer.ring()
    await call.hang_up()
    await peer.cancelled()


async def in_a_room(stage: Stage) -> None:
    """Two by two: a room that fills up faster than callers leave it refuses the ninth, and rightly."""
    call, _ = await stage.up("end/transfer", dest=f"room:R{next(_members) // 2}")
    await call.hang_up()


async def dialled(stage: Stage) -> None:
    number = stage.callee.another()
    await stage.post("ivr/start/dial", dest=number)
    call = await stage.callee.phone.incoming(called=number)
    await call.answer()
    await call.ended()


async def dialled_in_vain(stage: Stage) -> None:
    number = stage.callee.another()
    await stage.post("ivr/start/dial", dest=number)
    (await stage.callee.phone.incoming(called=number)).reject(404)


async def taken_back(stage: Stage) -> None:
    number = stage.callee.another()
    reply = await stage.post("ivr/start/dial", dest=number)
    call = await stage.callee.phone.incoming(called=number)
    call.ring()
    await stage.post("voice/hangup", txn_ref=reply["txn_ref"])
    await call.cancelled()


async def paired(stage: Stage) -> None:
    first, second = stage.callee.another(), stage.callee.another()
    await stage.post("voice/call", dest1=first, dest2=second)
    one = await stage.callee.phone.incoming(called=first)
    await one.answer()
    two = await stage.callee.phone.incoming(called=second)
    await two.answer()
    await one.hang_up()
    await two.ended()


async def conferred(stage: Stage) -> None:
    numbers = [stage.callee.another(), stage.callee.another()]
    await stage.post("conference/call", dest=",".join(numbers))
    one = await stage.callee.phone.incoming(called=numbers[0])
    two = await stage.callee.phone.incoming(called=numbers[1])
    await one.answer()
    two.reject(486)
    await one.hang_up()


_members = count(2)
KINDS: tuple[Callable[[Stage], Awaitable[None]], ...] = (
    given_up, refused_and_rejected, gathered, recorded, cut_while_recorded, monitored, held,
    passed_on, passed_on_in_vain, given_up_while_passed_on, in_a_room, dialled, dialled_in_vain,
    taken_back, paired, conferred,
)  # fmt: skip
