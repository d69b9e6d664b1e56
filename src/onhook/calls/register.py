"""The calls of this process that go on, by session and by reference."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence

import structlog

from onhook import call as machine
from onhook.call import Notification
from onhook.calls import clock
from onhook.calls.live_call import LiveCall
from onhook.store import CallRecord

log = structlog.get_logger()

_PARALLEL_S = 10.0
"""No request takes longer than this from its arrival to its call."""


class CallRegister:
    """Knows every call from its beginning until its end is on disk."""

    def __init__(self) -> None:
        self._by_session: dict[str, LiveCall] = {}
        self._by_txn_ref: dict[str, LiveCall] = {}
        self._hung_up: OrderedDict[str, float] = OrderedDict()
        """Calls that an application just hung up: when that was on disk, in this order."""
        self._empty = asyncio.Event()
        self._empty.set()

    def add(self, call: LiveCall) -> None:
        """The call has begun; it is removed when it is over."""
        self._by_session[call.record.session] = call
        self._by_txn_ref[call.record.txn_ref] = call
        self._empty.clear()
        call.held.callback(self._remove, call)

    def _remove(self, call: LiveCall) -> None:
        self._by_session.pop(call.record.session, None)
        self._by_txn_ref.pop(call.record.txn_ref, None)
        if not self._by_session:
            self._empty.set()
        if call.hung_up_by_application:
            self._remember_hung_up(call.record.session)

    def of_session(self, session: str) -> LiveCall | None:
        """The call of a session."""
        return self._by_session.get(session)

    def of_txn_ref(self, txn_ref: str) -> LiveCall | None:
        """The call of a reference."""
        return self._by_txn_ref.get(txn_ref)

    def session_of(self, given: Mapping[str, str]) -> str | None:
        """The call that is going on which a request's parameters name, by session or reference."""
        session = given.get("session", "")
        if session in self._by_session:
            return session
        call = self._by_txn_ref.get(given.get("txn_ref", ""))
        return call.record.session if call is not None else None

    def records(self) -> Sequence[CallRecord]:
        """What is written of each call."""
        return [call.record for call in self._by_session.values()]

    def counts(self) -> Mapping[str, int]:
        """Calls by state."""
        return Counter(call.now.state.value for call in self._by_session.values())

    def hung_up_since(self, session: str, at_s: float) -> bool:
        """Whether an application hung the call up, and that is not on disk yet, or only since ``at_s``.

        Nothing is known of what lies further back than a request takes.
        """
        call = self._by_session.get(session)
        if call is not None:
            return call.hung_up_by_application
        return at_s < self._hung_up.get(session, 0.0)

    def _remember_hung_up(self, session: str) -> None:
        """For as long as a parallel request may take to get here; the oldest come first."""
        now_s = clock.now_s()
        while self._hung_up and next(iter(self._hung_up.values())) < now_s - _PARALLEL_S:
            self._hung_up.popitem(last=False)
        self._hung_up[session] = now_s

    def untold(self, notification: Notification) -> None:
        """A notification may not be sent to where it is to go: a call that waits for it waits in vain."""
        call = self._by_session.get(notification.session)
        if call is not None:
            call.feed(machine.Untold(clock.now_s()))

    def note_media(self) -> None:
        """Another media plane has the audio: what is written of calls names it."""
        for call in list(self._by_session.values()):
            call.note_audio()

    def lose_media(self) -> None:
        """The media plane is gone: every call whose audio it had ends."""
        for call in list(self._by_session.values()):
            call.lose_media()

    # The end ------------------------------------------------------------------------------------

    async def drain(self, deadline_s: float) -> None:
        """Lets the calls come to their ends, for ``deadline_s`` at the most."""
        log.info("draining", calls=len(self._by_session))
        if not await self._emptied(deadline_s):
            log.warning("drain_deadline_passed", calls=len(self._by_session))

    def hang_up_all(self) -> None:
        """Every call that is still going on gets its BYE or its rejection now."""
        for call in list(self._by_session.values()):
            call.feed(machine.Shutdown(clock.now_s()))

    async def emptied(self, deadline_s: float) -> None:
        """Waits for the last BYE to be through and the last record to be written."""
        if not await self._emptied(deadline_s):
            log.warning("calls_left_open", calls=len(self._by_session))

    async def _emptied(self, deadline_s: float) -> bool:
        try:
            async with asyncio.timeout(deadline_s):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True
