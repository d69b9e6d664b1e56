"""Every call of this process: where incoming calls arrive and where requests find theirs."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from onhook import call as machine
from onhook import numbers
from onhook.blocks import REQUESTS, BlockRequest, Refused, SessionRequest
from onhook.blocks.call import CallRequest, HangUpCallRequest
from onhook.blocks.conference import ConferenceRequest, ModerateRequest, VoiceConferenceRequest
from onhook.blocks.dial import DialRequest
from onhook.blocks.hangup import HangupRequest
from onhook.call import Limits
from onhook.calls import bills, clock
from onhook.calls.concurrency import CallsInProgress
from onhook.calls.directory import Directory
from onhook.calls.first_leg import IncomingLeg
from onhook.calls.identifiers import is_session, new_session, new_txn_ref
from onhook.calls.live_call import RETRY_LATER, LiveCall
from onhook.calls.placing import Placing
from onhook.calls.pricing import Terms
from onhook.calls.services import CallServices
from onhook.notify.notification import Notification
from onhook.phone.cause import SipCause
from onhook.phone.incoming import IncomingCall
from onhook.phone.lifecycle import CallListener
from onhook.phone.sdp import RemoteMedia
from onhook.registry import complete
from onhook.store import CallRecord, NotificationContext, Number, StoreError
from onhook.store.history import call_of

log = structlog.get_logger()

_REMEMBERED_MS = 24 * 3600 * 1000
"""An ended session is remembered for this long, then it is unknown (reference, section 3)."""

_UNKNOWN = (
    "'onhook number list' has the numbers that ring; if trunks send national ones, set --country."
)
_TRIAL = "'onhook account credit' ends the trial of an account; until then others cannot call it."
_LOOKED_UP_S = 8.0
"""A caller hears nothing while its number is looked up; a database that hangs is like one that is away."""

_PARALLEL_S = 10.0
"""No request takes longer than this from its arrival to its call."""


Known = Callable[[LiveCall], None]
"""Hears of a call."""
Act = Callable[[str, Any, float], Awaitable[Mapping[str, object]]]
"""Carries out a request of an application that arrived at a moment; returns what joins the reply."""


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
        self,
        services: CallServices,
        directory: Directory,
        limits: Limits,
        owner: str,
        in_progress: CallsInProgress,
        placing: Callable[[Known, Known], Placing],
        country: str = "",
    ) -> None:
        self._services = services
        self._in_progress = in_progress
        self._placing = placing(self._register, self._over)
        self._directory = directory
        self._limits = limits
        self._owner = owner
        self._country = country
        self._calls: dict[str, LiveCall] = {}
        self._by_txn_ref: dict[str, LiveCall] = {}
        self._hung_up: OrderedDict[str, float] = OrderedDict()
        """Calls that an application just hung up: when that was on disk, in this order."""
        self._acts = self._all_acts()
        self._arrivals: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    def counts(self) -> Mapping[str, int]:
        """Calls by state."""
        return Counter(call.now.state.value for call in self._calls.values())

    # Incoming calls -----------------------------------------------------------------------------

    def arrive(self, leg: IncomingCall) -> CallListener:
        """An INVITE came in, and nothing was sent. Looks its number up, then rings or rejects it."""
        arrival = _Arrival()
        task = asyncio.create_task(self._arrive(leg, arrival))
        self._arrivals.add(task)
        task.add_done_callback(self._arrivals.discard)
        return arrival

    async def _arrive(self, leg: IncomingCall, arrival: _Arrival) -> None:
        session = new_session()
        try:
            async with asyncio.timeout(_LOOKED_UP_S):
                number = await self._called(leg)
                told_as = await self._directory.format_of(number.app_id, number) if number else ""
                terms = await self._services.pricing.incoming(session, number) if number else None
        except (StoreError, TimeoutError) as error:
            log.error("number_lookup_failed", error=type(error).__name__)
            if not arrival.given_up:
                leg.reject(503, headers=RETRY_LATER)
            return
        except LookupError:
            log.exception("number_lookup_failed")
            if not arrival.given_up:
                leg.reject(500)
            return
        if arrival.given_up:
            if terms is not None:
                terms.meter.release()
            return
        if number is None or terms is None:
            _refuse(leg, 404, "unknown number", _UNKNOWN)
            return
        caller = numbers.caller_number(leg.caller.users, self._country)
        if terms.account.trial and caller != terms.account.mobile_number:
            terms.meter.release()
            _refuse(leg, 480, "not the registered number of an account on trial", _TRIAL)
            return
        self._begin(leg, session, number, caller, terms, told_as)

    async def _called(self, leg: IncomingCall) -> Number | None:
        """The number of ours that is called, by whichever reading of what the trunk wrote."""
        for reading in numbers.callable_readings(leg.called, self._country):
            found = await self._directory.number(reading)
            if found is not None:
                return found
        return None

    def _begin(
        self,
        leg: IncomingCall,
        session: str,
        number: Number,
        caller: str,
        terms: Terms,
        told_as: str,
    ) -> None:
        now_s = clock.now_s()
        always = (("from_name", name),) if (name := leg.caller.name) else ()
        record = CallRecord(
            session=session,
            txn_ref=new_txn_ref(terms.account.prefix),
            app_id=number.app_id,
            owner=self._owner,
            state="",
            from_number=caller,
            to_number=number.number,
            began_ms=clock.wall_ms(now_s),
            currency="",
            rate="",
            account_id=terms.account.account_id,
            facts=NotificationContext(always, format=told_as),
        )
        record = bills.priced(record, terms.rate)
        call, effects = machine.arrive(record.session, number.forward_to, self._limits, now_s)
        place = self._in_progress.came_in(record.account_id)

        def over(call: LiveCall) -> None:
            place.release()
            self._over(call)

        first = IncomingLeg(
            leg,
            self._services.local_ip,
            audio_from_anywhere=self._services.audio_from_anywhere,
        )
        live = LiveCall(record, call, first, self._services, over, terms.meter)
        self._register(live)
        if terms.covered:
            live.begin(effects)
        else:
            live.turn_away()

    def _register(self, call: LiveCall) -> None:
        self._calls[call.record.session] = call
        self._by_txn_ref[call.record.txn_ref] = call
        self._empty.clear()

    def _over(self, call: LiveCall) -> None:
        self._calls.pop(call.record.session, None)
        self._by_txn_ref.pop(call.record.txn_ref, None)
        if not self._calls:
            self._empty.set()
        if call.hung_up_by_application:
            self._remember_hung_up(call.record.session)

    def _remember_hung_up(self, session: str) -> None:
        """For as long as a parallel request may take to get here; the oldest come first."""
        now_s = clock.now_s()
        while self._hung_up and next(iter(self._hung_up.values())) < now_s - _PARALLEL_S:
            self._hung_up.popitem(last=False)
        self._hung_up[session] = now_s

    def session_of(self, given: Mapping[str, str]) -> str | None:
        """The call that is going on which a request's parameters name, by session or reference."""
        session = given.get("session", "")
        if session in self._calls:
            return session
        call = self._by_txn_ref.get(given.get("txn_ref", ""))
        return call.record.session if call is not None else None

    def untold(self, notification: Notification) -> None:
        """A notification may not be sent to where it is to go: a call that waits for it waits in vain."""
        call = self._calls.get(notification.session)
        if call is not None:
            call.feed(machine.Untold(clock.now_s()))

    # Requests -----------------------------------------------------------------------------------

    async def run(
        self, app_id: str, request: BlockRequest, arrived_s: float
    ) -> Mapping[str, object]:
        """Runs a request of an application; what joins its reply. Raises :class:`Refused`."""
        try:
            return await self._acts[type(request)](app_id, request, arrived_s)
        except Refused as refused:
            if refused.status == "error_session_ended" and self._is_parallel(request, arrived_s):
                raise Refused("error_hangup_already_in_progress") from refused
            raise

    def _all_acts(self) -> Mapping[type[BlockRequest], Act]:
        """What carries out each request: what names a session is a block of its call."""
        of_sessions = {one: self._run for one in REQUESTS if issubclass(one, SessionRequest)}
        others: Mapping[type[BlockRequest], Act] = {
            DialRequest: self._placing.dial,
            CallRequest: self._placing.call,
            VoiceConferenceRequest: self._placing.conference,
            ConferenceRequest: self._placing.conference,
            HangUpCallRequest: self._hang_up,
            ModerateRequest: self._moderate,
        }
        return complete("act", REQUESTS, {**of_sessions, **others})

    async def _run(
        self, app_id: str, request: SessionRequest, arrived_s: float
    ) -> Mapping[str, object]:
        """A block of the call of its session."""
        call = self._calls.get(request.session)
        if call is None:
            raise Refused(await self._why_not(app_id, request.session))
        if call.record.app_id != app_id:
            raise Refused("error_session_access_denied")
        return await call.requests.run(request, arrived_s)

    async def _hang_up(
        self, app_id: str, request: HangUpCallRequest, arrived_s: float
    ) -> Mapping[str, object]:
        """The call of a reference is hung up at once. Its reply is kept by whoever asked for it."""
        call = await self._of_account(app_id, request.txn_ref)
        await call.requests.run(replace(request, key=None), arrived_s)
        return {}

    async def _moderate(
        self, app_id: str, request: ModerateRequest, arrived_s: float
    ) -> Mapping[str, object]:
        """A member of a room is put out, muted or heard again."""
        call = await self._of_account(app_id, request.txn_ref)
        if request.action == "kick":
            call.requests.kick()
        else:
            call.requests.mute(request.action == "mute")
        return {}

    async def _of_account(self, app_id: str, txn_ref: str) -> LiveCall:
        """A call in progress of the application's account. Raises :class:`Refused`."""
        account = await self._directory.account_of(app_id)
        call = self._by_txn_ref.get(txn_ref)
        record = (
            call.record if call is not None else await call_of(self._services.store, txn_ref[:64])
        )
        if record is None:
            raise Refused("error_invalid_txn_ref")
        if record.account_id != account.account_id:
            raise Refused("error_txn_ref_access_denied")
        if call is None:
            raise Refused("error_session_ended")
        return call

    def _is_parallel(self, request: BlockRequest, arrived_s: float) -> bool:
        """Whether this is a Hangup that arrived before another one's end of the call was on disk.

        A call may be over within a millisecond; of parallel Hangups all but the accepted one are
        still told that one is in progress, and not by chance (reference, section 9).
        """
        if not isinstance(request, HangupRequest):
            return False
        call = self._calls.get(request.session)
        if call is not None:
            return call.hung_up_by_application
        return arrived_s < self._hung_up.get(request.session, 0.0)

    async def _why_not(self, app_id: str, session: str) -> str:
        """The status for a session that has no call here."""
        record = await self._services.store.call(session) if is_session(session) else None
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
            call.feed(machine.Shutdown(clock.now_s()))

    async def emptied(self, deadline_s: float) -> None:
        """Waits for the last BYE to be through and the last record to be written."""
        try:
            async with asyncio.timeout(deadline_s):
                await self._empty.wait()
        except TimeoutError:
            log.warning("calls_left_open", calls=len(self._calls))


def _refuse(leg: IncomingCall, code: int, reason: str, hint: str) -> None:
    """A call of which no application is told."""
    log.info(
        "call_refused",
        reason=reason,
        form=numbers.form_of(leg.called),
        sip_call_id=leg.sip_call_id,
        peer=leg.source[0],
        hint=hint,
        private={"called": leg.called.text},
    )
    leg.reject(code)
