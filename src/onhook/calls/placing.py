"""Calls that an application asks for: Dial, a call of two numbers, and conferences.

What a call needs is got ready first, its record written next, and only then the callee's phone rings:
a process that dies in between leaves no call that nobody knows of.
"""

import asyncio
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace

from onhook import call as machine
from onhook import numbers
from onhook.blocks import BlockRequest, Refused, block_of
from onhook.blocks.call import CallRequest
from onhook.blocks.conference import ConferenceRequest
from onhook.blocks.declaration import RING_S
from onhook.blocks.dial import DialRequest
from onhook.call import Fields
from onhook.call.works import job_of
from onhook.calls import clock
from onhook.calls.callees import Callee, Callees
from onhook.calls.identifiers import new_session
from onhook.calls.live_call import LiveCall
from onhook.calls.new_call import Parties, new_call
from onhook.calls.outbound import OutboundLeg
from onhook.calls.pending_request import PendingRequest
from onhook.calls.preparation import Preparation
from onhook.calls.register import CallRegister
from onhook.calls.resources import Resources, dearer
from onhook.calls.services import CallServices
from onhook.calls.turns import Turn, Turns
from onhook.numbers import E164
from onhook.store import Account

_REQUEST_ID = 1


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request for one call or several: whose, on which account, and when it arrived."""

    request: BlockRequest
    app_id: str
    account: Account
    arrived_s: float


@dataclass(frozen=True, slots=True)
class _Outgoing:
    """One call to be placed: who is called, and what each of its notifications says besides."""

    callee: Callee
    told_always: Fields = ()
    second: E164 | None = None
    """The number that it is to be joined to."""
    ring_s: float = RING_S
    longest_s: float | None = None
    """How long it may last from its answer on. That of two numbers runs from the answer of the second: it
    is its work that counts it."""
    turn: Turn | None = None
    """When its INVITE may leave, if others are called with it."""


class Placing:
    """Starts calls. What is got ready for one hangs on a stack, ``held``, until the call begins."""

    def __init__(
        self,
        services: CallServices,
        preparation: Preparation,
        callees: Callees,
        register: CallRegister,
    ) -> None:
        self._services = services
        self._preparation = preparation
        self._callees = callees
        self._register = register

    async def dial(
        self, app_id: str, request: DialRequest, arrived_s: float
    ) -> Mapping[str, object]:
        """Places one call. Raises :class:`Refused`."""
        asked = await self._asked(app_id, request, arrived_s)
        with ExitStack() as held:
            resources = await self._prepared(request, held)
            callee = await self._callees.find(asked.account, request.dest, request.caller_id)
            callee = replace(callee, headers=request.sip_headers)
            outgoing = _Outgoing(callee, ring_s=request.ring_time, longest_s=request.max_duration)
            live, pending = await self._new(asked, outgoing, resources, held)
            pending.reply = {"txn_ref": live.record.txn_ref, "session": live.record.session}
            self._begin(live, pending, held)
        await pending.answer
        return pending.reply

    async def call(
        self, app_id: str, request: CallRequest, arrived_s: float
    ) -> Mapping[str, object]:
        """Places a call to one number that is joined to another, which it sees. Raises :class:`Refused`."""
        asked = await self._asked(app_id, request, arrived_s)
        account, find = asked.account, self._callees.find
        first, second = _both(request, account)
        with ExitStack() as held:
            resources = await self._prepared(request, held)
            callee = await find(account, first, shown=second, name="dest1")
            resources.callee = await find(account, second, request.caller_id, name="dest2")
            outgoing = _Outgoing(callee, (("dest1", first), ("dest2", second)), second)
            live, pending = await self._new(asked, outgoing, resources, held)
            pending.reply = {"txn_ref": live.record.txn_ref}
            self._begin(live, pending, held)
        await pending.answer
        return pending.reply

    async def conference(
        self, app_id: str, request: ConferenceRequest, arrived_s: float
    ) -> Mapping[str, object]:
        """Places a call to each number, one after the other, all for one room. Raises :class:`Refused`."""
        asked = await self._asked(app_id, request, arrived_s)
        members: list[tuple[LiveCall, PendingRequest, ExitStack]] = []
        turns, room = Turns(), request.room
        with ExitStack() as held:
            await self._prepared(request, held)
            for dest in request.dest:
                own = held.enter_context(ExitStack())
                seated = Resources(seat=self._services.rooms.seat(app_id, room))
                own.callback(seated.release)
                room = seated.room
                callee = await self._callees.find(asked.account, dest, request.caller_id)
                outgoing = _Outgoing(callee, (("room", room),), turn=turns.another())
                members.append((*await self._new(asked, outgoing, seated, own), own))
            references = [live.record.txn_ref for live, _, _ in members]
            listed = any(field.listed for field in block_of(request).reply)
            reply = {"room": room, "txn_refs": references if listed else ",".join(references)}
            for _, pending, _ in members[:-1]:
                pending.request = replace(request, key=None)  # one reply is kept, with the last
            members[-1][1].reply = reply
            # One without the others and without the reply would be called again by whoever asks again.
            with self._services.journal.together():
                for each in members:
                    self._begin(*each)
        await asyncio.gather(*(pending.answer for _, pending, _ in members))
        return reply

    async def _asked(self, app_id: str, request: BlockRequest, arrived_s: float) -> _Asked:
        account = await self._services.directory.account_of(app_id)
        return _Asked(request, app_id, account, arrived_s)

    async def _prepared(self, request: BlockRequest, held: ExitStack) -> Resources:
        never = asyncio.get_running_loop().create_future()
        resources = Resources(message=await self._preparation.prepare(request, never))
        held.callback(resources.release)
        return resources

    async def _new(
        self, asked: _Asked, outgoing: _Outgoing, resources: Resources, held: ExitStack
    ) -> tuple[LiveCall, PendingRequest]:
        """The call, which nobody knows of yet, and the request for it."""
        services, number = self._services, outgoing.callee.number
        held.callback(services.in_progress.make(asked.account.account_id).release)
        if outgoing.turn is not None:
            held.callback(outgoing.turn.pass_on)
        session = new_session()
        telling = await services.directory.telling(asked.app_id)
        terms = await services.pricing.outgoing(session, asked.app_id, [number])
        held.callback(terms.meter.release)
        if not terms.covered:
            raise Refused("error_insufficient_credit")
        if outgoing.second:
            resources.rate = await dearer(services.pricing, terms.rate, outgoing.second, "dest2")
        parties = Parties(
            asked.app_id,
            from_number=outgoing.callee.caller.number,
            to_number=outgoing.second or "",
            dest_number=number,
            told_always=outgoing.told_always,
            telling=telling,
        )
        job, now_s = job_of(asked.request, _REQUEST_ID, services.recording), clock.now_s()
        call, _ = machine.dial(
            session, job, services.limits, now_s, ring_s=outgoing.ring_s, max_s=outgoing.longest_s
        )
        leg = OutboundLeg(services.outbound, outgoing.callee, outgoing.turn)
        live = new_call(services, call, now_s, parties, terms, leg)
        live.reserve_port(held)
        answer = asyncio.get_running_loop().create_future()
        return live, PendingRequest(job, asked.request, asked.arrived_s, answer, resources)

    def _begin(self, live: LiveCall, pending: PendingRequest, held: ExitStack) -> None:
        """Its callee's phone rings as soon as the call is on disk, and ``pending`` is answered then."""
        live.begin((), held, placed=pending)
        self._register.add(live)


def _both(request: CallRequest, account: Account) -> tuple[E164, E164]:
    """The two numbers to be joined; the first is the registered one where none is given."""
    if request.dest1 is None and not account.mobile_number:
        detail = "dest1 was not given, and the account has no registered number to call instead."
        raise Refused("error_dest1_invalid", detail)
    first = request.dest1 or numbers.dialable(account.mobile_number)
    if first is None:
        raise Refused("error_dest1_invalid")
    if first == request.dest2:
        raise Refused("error_same_dest1_dest2")
    return first, request.dest2
