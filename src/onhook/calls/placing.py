"""Calls that an application asks for: Dial, a call of two numbers, and conferences.

What a call needs is got ready first, its record written next, and only then the callee's phone rings:
a process that dies in between leaves no call that nobody knows of.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from onhook import call as machine
from onhook import numbers
from onhook.blocks import BlockRequest, Refused, block_of
from onhook.blocks.call import CallRequest
from onhook.blocks.conference import ConferenceRequest
from onhook.blocks.declaration import RING_S
from onhook.blocks.destination import CallerId
from onhook.blocks.dial import DialRequest
from onhook.call import Limits
from onhook.call.works import job_of
from onhook.calls import bills, clock
from onhook.calls.callees import Callee, Callees
from onhook.calls.concurrency import CallsInProgress, Place
from onhook.calls.credit import Meter
from onhook.calls.directory import Directory
from onhook.calls.identifiers import new_session, new_txn_ref
from onhook.calls.live_call import LiveCall
from onhook.calls.outbound import OutboundLeg
from onhook.calls.pending_request import PendingRequest
from onhook.calls.preparation import Preparation
from onhook.calls.resources import Resources, dearer
from onhook.calls.services import CallServices
from onhook.calls.turns import Turn, Turns
from onhook.numbers import E164
from onhook.store import Account, CallRecord, NotificationContext

_REQUEST_ID = 1


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request for one call or several: whose, on which account, and when it arrived."""

    request: BlockRequest
    app_id: str
    account: Account
    arrived_s: float


@dataclass(frozen=True, slots=True)
class _Order:
    """One call to be placed: whom, and what its notifications always say."""

    asked: _Asked
    callee: Callee
    always: Mapping[str, str]
    second: str = ""
    """The number that it is to be joined to."""
    ring_s: float = RING_S
    longest_s: float | None = None
    """How long it may last from its answer on. That of two numbers runs from the answer of the second: it
    is its work that counts it."""
    turn: Turn | None = None
    """When its INVITE may leave, if others are called with it."""


class Placing:
    """Starts calls. ``register`` makes each known to whoever looks for calls."""

    def __init__(
        self,
        services: CallServices,
        preparation: Preparation,
        directory: Directory,
        callees: Callees,
        in_progress: CallsInProgress,
        limits: Limits,
        owner: str,
        register: Callable[[LiveCall], None],
        on_over: Callable[[LiveCall], None],
    ) -> None:
        self._services = services
        self._preparation = preparation
        self._directory = directory
        self._callees = callees
        self._in_progress = in_progress
        self._limits = limits
        self._owner = owner
        self._register = register
        self._on_over = on_over

    async def dial(
        self, app_id: str, request: DialRequest, arrived_s: float
    ) -> Mapping[str, object]:
        """Places one call. Raises :class:`Refused`."""
        asked = await self._asked(app_id, request, arrived_s)
        resources = await self._prepared(request)
        try:
            callee = await self._found(asked, request.dest, request.caller_id)
        except BaseException:
            resources.release()
            raise
        order = _Order(asked, callee, {}, ring_s=request.ring_time, longest_s=request.max_duration)
        live, pending = await self._made(order, resources)
        pending.reply = {"txn_ref": live.record.txn_ref, "session": live.record.session}
        await self._begin(live, pending)
        return pending.reply

    async def call(
        self, app_id: str, request: CallRequest, arrived_s: float
    ) -> Mapping[str, object]:
        """Places a call to one number that is joined to another, which it sees. Raises :class:`Refused`."""
        asked = await self._asked(app_id, request, arrived_s)
        account = asked.account
        first, second = _both(request, account)
        resources = await self._prepared(request)
        find = self._callees.find
        callee = await find(account, first, shown=second, name="dest1")
        resources.callee = await find(account, second, request.caller_id, name="dest2")
        always = {"dest1": first, "dest2": second}
        order = _Order(asked, callee, always, second)
        live, pending = await self._made(order, resources)
        pending.reply = {"txn_ref": live.record.txn_ref}
        await self._begin(live, pending)
        return pending.reply

    async def conference(
        self, app_id: str, request: ConferenceRequest, arrived_s: float
    ) -> Mapping[str, object]:
        """Places a call to each number, one after the other, all for one room. Raises :class:`Refused`."""
        asked = await self._asked(app_id, request, arrived_s)
        await self._prepared(request)
        members: list[tuple[LiveCall, PendingRequest]] = []
        turns = Turns()
        try:
            room = request.room
            for dest in request.dest:
                seated = Resources(seat=self._services.rooms.seat(app_id, room))
                room = str(seated.reply["room"])
                members.append(
                    await self._member(asked, dest, request.caller_id, seated, turns.another())
                )
        except BaseException:
            for live, pending in members:
                live.unrecorded()
                pending.resources.release()
            raise
        references = [live.record.txn_ref for live, _ in members]
        listed = any(field.listed for field in block_of(request).reply)
        reply = {"room": room, "txn_refs": references if listed else ",".join(references)}
        *others, (_, last) = members
        for _, pending in others:
            pending.request = replace(request, key=None)  # one reply is kept, with the last
        last.reply = reply
        await asyncio.gather(*(self._begin(live, pending) for live, pending in members))
        return reply

    async def _member(
        self,
        asked: _Asked,
        dest: E164,
        caller_id: CallerId | None,
        seated: Resources,
        turn: Turn,
    ) -> tuple[LiveCall, PendingRequest]:
        try:
            callee = await self._found(asked, dest, caller_id)
            always = {"room": str(seated.reply["room"])}
            return await self._made(_Order(asked, callee, always, turn=turn), seated)
        except BaseException:
            seated.release()
            raise

    async def _asked(self, app_id: str, request: BlockRequest, arrived_s: float) -> _Asked:
        return _Asked(request, app_id, await self._directory.account_of(app_id), arrived_s)

    async def _prepared(self, request: BlockRequest) -> Resources:
        never = asyncio.get_running_loop().create_future()
        return Resources(message=await self._preparation.prepare(request, never))

    async def _found(self, asked: _Asked, dest: E164, caller_id: CallerId | None) -> Callee:
        return await self._callees.find(asked.account, dest, caller_id)

    async def _made(self, order: _Order, resources: Resources) -> tuple[LiveCall, PendingRequest]:
        """The call, which nobody knows of yet. What it holds is given back if it cannot be made."""
        try:
            place = self._in_progress.make(order.asked.account.account_id)
        except BaseException:
            resources.release()
            raise
        try:
            return await self._new(order, resources, place)
        except BaseException:
            place.release()
            resources.release()
            raise

    async def _new(
        self, order: _Order, resources: Resources, place: Place
    ) -> tuple[LiveCall, PendingRequest]:
        session, number, app_id = new_session(), order.callee.number, order.asked.app_id
        told_as = await self._directory.format_of(app_id)
        terms = await self._services.pricing.outgoing(session, app_id, [number])
        if not terms.covered:
            raise Refused("error_insufficient_credit")
        now_s = clock.now_s()
        record = bills.priced(
            CallRecord(
                session=session,
                txn_ref=new_txn_ref(terms.account.prefix),
                app_id=app_id,
                owner=self._owner,
                state="",
                from_number=order.callee.caller.number,
                to_number=order.second,
                dest_number=number,
                direction="out",
                facts=NotificationContext(tuple(order.always.items()), format=told_as),
                began_ms=clock.wall_ms(now_s),
                currency="",
                rate="",
                account_id=terms.account.account_id,
            ),
            terms.rate,
        )
        try:
            if order.second:
                pricing = self._services.pricing
                resources.rate = await dearer(pricing, record, order.second, "dest2")
            live, pending = self._assembled(record, order, resources, terms.meter, place, now_s)
            live.reserve_port()
        except BaseException:
            terms.meter.release()
            raise
        return live, pending

    def _assembled(
        self,
        record: CallRecord,
        order: _Order,
        resources: Resources,
        meter: Meter,
        place: Place,
        now_s: float,
    ) -> tuple[LiveCall, PendingRequest]:
        request, turn = order.asked.request, order.turn
        job = job_of(request, _REQUEST_ID, self._services.recording)
        call, _ = machine.dial(
            record.session,
            job,
            self._limits,
            now_s,
            ring_s=order.ring_s,
            max_s=order.longest_s,
        )
        leg = OutboundLeg(self._services.outbound, order.callee, turn)

        def over(live: LiveCall) -> None:
            place.release()
            if turn is not None:
                turn.pass_on()
            self._on_over(live)

        live = LiveCall(record, call, leg, self._services, over, meter)
        answer = asyncio.get_running_loop().create_future()
        return live, PendingRequest(job, request, order.asked.arrived_s, answer, resources)

    async def _begin(self, live: LiveCall, pending: PendingRequest) -> None:
        """Returns when the call is on disk; its callee's phone rings from then on."""
        self._register(live)
        live.begin((), placed=pending)
        await pending.answer


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
