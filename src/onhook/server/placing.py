"""Calls that an application asks for: Dial, a call of two numbers, and conferences.

What a call needs is got ready first, its record written next, and only then the callee's phone rings:
a process that dies in between leaves no call that nobody knows of.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from onhook import call as machine
from onhook.blocks import BlockRequest, Refused
from onhook.call import Job, Limits
from onhook.server import bills, clock
from onhook.server.arrangements import Arranged, dearer
from onhook.server.callees import Callee, Callees
from onhook.server.credit import Meter
from onhook.server.directory import Directory
from onhook.server.facts import Facts
from onhook.server.identifiers import new_session, new_txn_ref
from onhook.server.legs import PlacedLeg
from onhook.server.live_call import LiveCall
from onhook.server.preparation import Preparation
from onhook.server.surroundings import Surroundings
from onhook.server.ticket import Ticket
from onhook.server.works import RING_S, work_of
from onhook.store import Account, CallRecord

_REQUEST_ID = 1


@dataclass(frozen=True, slots=True)
class _Order:
    """One call to be placed: whom, on whose account, and what its notifications always say."""

    request: BlockRequest
    app_id: str
    account: Account
    callee: Callee
    arrived_s: float
    always: Mapping[str, str]
    second: str = ""
    """The number that it is to be joined to."""


class Placing:
    """Starts calls. ``register`` makes each known to whoever looks for calls."""

    def __init__(
        self,
        around: Surroundings,
        preparation: Preparation,
        directory: Directory,
        callees: Callees,
        limits: Limits,
        owner: str,
        register: Callable[[LiveCall], None],
        on_over: Callable[[LiveCall], None],
    ) -> None:
        self._around = around
        self._preparation = preparation
        self._directory = directory
        self._callees = callees
        self._limits = limits
        self._owner = owner
        self._register = register
        self._on_over = on_over

    async def dial(
        self, app_id: str, request: BlockRequest, arrived_s: float
    ) -> Mapping[str, object]:
        """Places one call. Raises :class:`Refused`."""
        arranged, account = await self._prepared(app_id, request)
        try:
            callee = await self._found(account, request, request.text("dest"))
        except BaseException:
            arranged.release()
            raise
        order = _Order(request, app_id, account, callee, arrived_s, {})
        live, ticket = await self._made(order, arranged)
        ticket.reply = {"txn_ref": live.record.txn_ref, "session": live.record.session}
        await self._begin(live, ticket)
        return ticket.reply

    async def call(
        self, app_id: str, request: BlockRequest, arrived_s: float
    ) -> Mapping[str, object]:
        """Places a call to one number that is joined to another. Raises :class:`Refused`."""
        arranged, account = await self._prepared(app_id, request)
        first = request.text("dest1") or account.mobile_number
        second = request.text("dest2")
        if not first:
            detail = (
                "dest1 was not given, and the account has no registered number to call instead."
            )
            raise Refused("error_dest1_invalid", detail)
        callee = await self._found(account, request, first, "dest1")
        try:
            arranged.callee = await self._found(account, request, second, "dest2")
        except BaseException:
            callee.release()
            raise
        always = {"dest1": first, "dest2": second}
        order = _Order(request, app_id, account, callee, arrived_s, always, second)
        live, ticket = await self._made(order, arranged)
        ticket.reply = {"txn_ref": live.record.txn_ref}
        await self._begin(live, ticket)
        return ticket.reply

    async def conference(
        self, app_id: str, request: BlockRequest, arrived_s: float
    ) -> Mapping[str, object]:
        """Places a call to each number, all for one room. Raises :class:`Refused`."""
        _, account = await self._prepared(app_id, request)
        dests = request.options["dest"]
        if not isinstance(dests, tuple):
            raise AssertionError("the syntax of dest makes a tuple of it")
        members: list[tuple[LiveCall, Ticket]] = []
        try:
            room = request.text("room")
            for dest in dests:
                seated = Arranged(seat=self._around.rooms.seat(account.account_id, room))
                room = str(seated.reply["room"])
                members.append(
                    await self._member(app_id, account, request, dest, arrived_s, seated)
                )
        except BaseException:
            for live, ticket in members:
                live.unrecorded()
                ticket.arranged.release()
            raise
        references = [live.record.txn_ref for live, _ in members]
        listed = request.block.at == "conference/call"
        reply = {"room": room, "txn_refs": references if listed else ",".join(references)}
        *others, (_, last) = members
        for _, ticket in others:
            ticket.request = replace(request, key=None)  # one reply is kept, with the last
        last.reply = reply
        await asyncio.gather(*(self._begin(live, ticket) for live, ticket in members))
        return reply

    async def _member(
        self,
        app_id: str,
        account: Account,
        request: BlockRequest,
        dest: str,
        arrived_s: float,
        seated: Arranged,
    ) -> tuple[LiveCall, Ticket]:
        try:
            callee = await self._found(account, request, dest)
            always = {"room": str(seated.reply["room"])}
            order = _Order(request, app_id, account, callee, arrived_s, always)
            return await self._made(order, seated)
        except BaseException:
            seated.release()
            raise

    async def _prepared(self, app_id: str, request: BlockRequest) -> tuple[Arranged, Account]:
        never = asyncio.get_running_loop().create_future()
        message = await self._preparation.prepare(request, never)
        return Arranged(message=message), await self._directory.account_of(app_id)

    async def _found(
        self, account: Account, request: BlockRequest, dest: str, name: str = "dest"
    ) -> Callee:
        return await self._callees.find(account, dest, request.text("caller_id"), name=name)

    async def _made(self, order: _Order, arranged: Arranged) -> tuple[LiveCall, Ticket]:
        """The call, which nobody knows of yet. What it holds is given back if it cannot be made."""
        try:
            return await self._new(order, arranged)
        except BaseException:
            order.callee.release()
            arranged.release()
            raise

    async def _new(self, order: _Order, arranged: Arranged) -> tuple[LiveCall, Ticket]:
        session, number = new_session(), order.callee.number
        terms = await self._around.pricing.outgoing(session, order.app_id, [number])
        if not terms.covered:
            raise Refused("error_insufficient_credit")
        now_s = clock.now_s()
        record = bills.priced(
            CallRecord(
                session=session,
                txn_ref=new_txn_ref(terms.account.prefix),
                app_id=order.app_id,
                owner=self._owner,
                state="",
                from_number=order.callee.caller.number,
                to_number=order.second,
                dest_number=number,
                direction="out",
                facts=Facts(always=order.always).text(),
                began_ms=clock.wall_ms(now_s),
                currency="",
                rate="",
                account_id=terms.account.account_id,
            ),
            terms.rate,
        )
        try:
            if order.second:
                arranged.rate = await dearer(self._around.pricing, record, order.second)
            live, ticket = self._assembled(record, order, arranged, terms.meter, now_s)
            live.reserve()
        except BaseException:
            terms.meter.release()
            raise
        return live, ticket

    def _assembled(
        self, record: CallRecord, order: _Order, arranged: Arranged, meter: Meter, now_s: float
    ) -> tuple[LiveCall, Ticket]:
        request, callee = order.request, order.callee
        job = Job(
            request_id=_REQUEST_ID,
            block=request.block.name,
            notify_url=request.notify_url,
            tag=request.tag,
            speaks=request.message is not None,
            work=work_of(request, self._around.means),
        )
        longest_s = request.whole("max_duration", 0)
        call, _ = machine.dial(
            record.session,
            job,
            self._limits,
            now_s,
            ring_s=request.whole("ring_time", RING_S),
            max_s=longest_s or None,
        )
        leg = PlacedLeg(callee, self._around.outbound)

        def over(live: LiveCall) -> None:
            callee.release()
            self._on_over(live)

        live = LiveCall(record, call, leg, self._around, over, meter)
        answer = asyncio.get_running_loop().create_future()
        return live, Ticket(job, request, order.arrived_s, answer, arranged)

    async def _begin(self, live: LiveCall, ticket: Ticket) -> None:
        """Returns when the call is on disk; its callee's phone rings from then on."""
        self._register(live)
        live.begin((), placed=ticket)
        await ticket.answer
