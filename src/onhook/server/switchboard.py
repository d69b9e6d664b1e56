"""Every call of this process: where incoming calls arrive and where requests find theirs."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from onhook import call as machine
from onhook.billing import money
from onhook.blocks import BlockRequest, Refused
from onhook.call import Limits
from onhook.phone.cause import SipCause
from onhook.phone.incoming import IncomingCall
from onhook.phone.lifecycle import CallListener
from onhook.phone.sdp import RemoteMedia
from onhook.server import clock, numbers
from onhook.server.directory import Directory
from onhook.server.identifiers import is_session, new_session, new_txn_ref
from onhook.server.live_call import LiveCall, Surroundings
from onhook.store import CallRecord, Number, StoreError

log = structlog.get_logger()

_REMEMBERED_MS = 24 * 3600 * 1000
"""An ended session is remembered for this long, then it is unknown (reference, section 3)."""


@dataclass(slots=True)
class _Arrival:
    """Listens to a call between its INVITE and the moment its number was looked up."""

    given_up: bool = False

    def cancelled(self) -> None:
        """CANCEL: nobody was told of the call yet, so nobody needs to be told of its end."""
        self.given_up = True

    def acknowledged(self, answer: RemoteMedia | None) -> None:
        """Not before an answer."""

    def hung_up(self, cause: SipCause) -> None:
        """BYE in an early dialog."""
        self.given_up = True

    def hangup_done(self, cause: SipCause) -> None:
        """Not before a BYE of ours."""

    def no_ack(self) -> None:
        """Not before an answer."""

    def media_moved(self, media: RemoteMedia) -> None:
        """Not before an answer."""

    def digit(self, digit: str) -> None:
        """Nobody listens yet."""


class Switchboard:
    """The calls of one process, by session."""

    def __init__(
        self, around: Surroundings, directory: Directory, limits: Limits, owner: str
    ) -> None:
        self._around = around
        self._directory = directory
        self._limits = limits
        self._owner = owner
        self._calls: dict[str, LiveCall] = {}
        self._arrivals: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    def counts(self) -> Mapping[str, int]:
        """Calls by state."""
        return Counter(call.state.value for call in self._calls.values())

    # Incoming calls -----------------------------------------------------------------------------

    def arrive(self, leg: IncomingCall) -> CallListener:
        """An INVITE came in; 100 was sent. Looks its number up, then rings or rejects it."""
        arrival = _Arrival()
        task = asyncio.create_task(self._arrive(leg, arrival))
        self._arrivals.add(task)
        task.add_done_callback(self._arrivals.discard)
        return arrival

    async def _arrive(self, leg: IncomingCall, arrival: _Arrival) -> None:
        try:
            called = numbers.e164(leg.called)
            number = await self._directory.number(called) if called else None
        except StoreError:
            log.exception("number_lookup_failed")
            leg.reject(500)
            return
        if arrival.given_up:
            return
        if number is None:
            log.info("call_refused", reason="unknown number")
            leg.reject(404)
            return
        self._begin(leg, number)

    def _begin(self, leg: IncomingCall, number: Number) -> None:
        now_s = clock.now_s()
        rate = self._around.rate
        record = CallRecord(
            session=new_session(),
            txn_ref=new_txn_ref(),
            app_id=number.app_id,
            owner=self._owner,
            state="",
            from_number=leg.caller,
            to_number=number.number,
            began_ms=clock.wall_ms(now_s),
            currency=rate.currency,
            rate=money(rate.per_minute),
        )
        call, effects = machine.arrive(record.session, number.forward_to, self._limits, now_s)
        live = LiveCall(record, call, leg, self._around, self._over)
        leg.listener = live
        self._calls[record.session] = live
        self._empty.clear()
        live.begin(effects)

    def _over(self, call: LiveCall) -> None:
        self._calls.pop(call.record.session, None)
        if not self._calls:
            self._empty.set()

    # Requests -----------------------------------------------------------------------------------

    async def run(self, app_id: str, request: BlockRequest) -> Mapping[str, object]:
        """Runs a request of an application on the call of its session. Raises :class:`Refused`."""
        arrived_s = clock.now_s()
        call = self._calls.get(request.session)
        if call is None:
            raise Refused(await self._why_not(app_id, request.session))
        if call.record.app_id != app_id:
            raise Refused("error_session_access_denied")
        await call.run(request, arrived_s)
        return {}

    async def _why_not(self, app_id: str, session: str) -> str:
        """The status for a session that has no call here."""
        record = await self._around.store.call(session) if is_session(session) else None
        if record is None:
            return "error_invalid_session"
        now_ms = clock.wall_ms(clock.now_s())
        if record.ended_ms is not None and now_ms - record.ended_ms > _REMEMBERED_MS:
            return "error_invalid_session"
        if record.app_id != app_id:
            return "error_session_access_denied"
        return "error_session_ended"

    # The end ------------------------------------------------------------------------------------

    async def drain(self, deadline_s: float) -> None:
        """Lets the calls come to their ends, for ``deadline_s`` at the most, then hangs them up."""
        log.info("draining", calls=len(self._calls))
        try:
            async with asyncio.timeout(deadline_s):
                await self._empty.wait()
        except TimeoutError:
            log.warning("drain_deadline_passed", calls=len(self._calls))

    def hang_up_all(self) -> None:
        """Every call that is still going on gets its BYE or its rejection now."""
        for call in list(self._calls.values()):
            call.shut_down()

    async def emptied(self, deadline_s: float) -> None:
        """Waits for the last BYE to be through and the last record to be written."""
        try:
            async with asyncio.timeout(deadline_s):
                await self._empty.wait()
        except TimeoutError:
            log.warning("calls_left_open", calls=len(self._calls))
