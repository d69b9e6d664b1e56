"""Where the requests of applications find their calls."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import structlog

from onhook.blocks import REQUESTS, BlockRequest, Refused, SessionRequest
from onhook.blocks.call import CallRequest, HangUpCallRequest
from onhook.blocks.conference import ConferenceRequest, ModerateRequest, VoiceConferenceRequest
from onhook.blocks.dial import DialRequest
from onhook.blocks.hangup import HangupRequest
from onhook.calls import clock
from onhook.calls.identifiers import is_session
from onhook.calls.live_call import LiveCall
from onhook.calls.placing import Placing
from onhook.calls.register import CallRegister
from onhook.calls.services import CallServices
from onhook.registry import complete
from onhook.store.history import call_of

log = structlog.get_logger()

_REMEMBERED_MS = 24 * 3600 * 1000
"""An ended session is remembered for this long, then it is unknown (reference, section 3)."""

Act = Callable[[str, Any, float], Awaitable[Mapping[str, object]]]
"""Carries out a request of an application that arrived at a moment; returns what joins the reply."""


class Switchboard:
    """Where the requests of applications find their calls."""

    def __init__(self, services: CallServices, register: CallRegister, placing: Placing) -> None:
        self._services = services
        self._register = register
        self._acts = self._all_acts(placing)

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

    def _all_acts(self, placing: Placing) -> Mapping[type[BlockRequest], Act]:
        """What carries out each request: what names a session is a block of its call."""
        of_sessions = {one: self._run for one in REQUESTS if issubclass(one, SessionRequest)}
        others: Mapping[type[BlockRequest], Act] = {
            DialRequest: placing.dial,
            CallRequest: placing.call,
            VoiceConferenceRequest: placing.conference,
            ConferenceRequest: placing.conference,
            HangUpCallRequest: self._hang_up,
            ModerateRequest: self._moderate,
        }
        return complete("act", REQUESTS, {**of_sessions, **others})

    async def _run(
        self, app_id: str, request: SessionRequest, arrived_s: float
    ) -> Mapping[str, object]:
        """A block of the call of its session."""
        call = self._register.of_session(request.session)
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
        account = await self._services.directory.account_of(app_id)
        call = self._register.of_txn_ref(txn_ref)
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
        return self._register.hung_up_since(request.session, arrived_s)

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
