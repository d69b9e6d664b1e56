"""Where calls come in: whose number is called, on what terms, and who is rejected."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass

import structlog

from onhook import call as machine
from onhook import numbers, urls
from onhook.blocks import sip_headers
from onhook.calls import clock
from onhook.calls.directory import Telling
from onhook.calls.first_leg import IncomingLeg
from onhook.calls.identifiers import new_session
from onhook.calls.inbound.reading import called_readings, caller_number
from onhook.calls.live_call import RETRY_LATER
from onhook.calls.new_call import Parties, new_call
from onhook.calls.pricing import Terms
from onhook.calls.register import CallRegister
from onhook.calls.services import CallServices
from onhook.phone.cause import SipCause
from onhook.phone.errors import SdpError
from onhook.phone.identity import PhoneUser
from onhook.phone.incoming import IncomingCall
from onhook.phone.lifecycle import CallListener
from onhook.phone.sdp import RemoteMedia
from onhook.phone.srtp.negotiation import Policy
from onhook.store import Number, StoreError
from onhook.urls import UrlRefused, WebUrl

log = structlog.get_logger()

_UNKNOWN = (
    "'onhook number list' has the numbers that ring; if trunks send national ones, set --country."
)
_TRIAL = "'onhook account credit' ends the trial of an account; until then others cannot call it."
_SRTP = "--srtp says whether the audio of calls that come in may, or has to, be encrypted."
_LOOKED_UP_S = 8.0
"""A caller hears nothing while its number is looked up; a database that hangs is like one that is away."""


@dataclass(slots=True)
class _Arrival:
    """Listens to a call between its INVITE and the moment its number was looked up."""

    given_up: bool = False

    def cancelled(self, cause: SipCause) -> None:
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

    def session_lost(self, cause: SipCause) -> None:
        """Not before an answer."""

    def dialog_changed(self) -> None:
        """Not before an answer."""

    def digit(self, digit: str) -> None:
        """Nobody listens yet."""


@dataclass(frozen=True, slots=True)
class _Called:
    """Our number that is called, where and how its application is told, and on what terms."""

    number: Number
    forward_to: WebUrl
    telling: Telling
    terms: Terms


class Arrivals:
    """Takes the calls that come in."""

    def __init__(
        self,
        services: CallServices,
        register: CallRegister,
        country: str = "",
        *,
        registered: Callable[[str], Sequence[str] | None] = lambda user: None,
        srtp: Policy = "prefer",
    ) -> None:
        """`registered` gives the numbers of the trunk at which we registered a user part; None if we did
        not. `srtp` is what a caller who comes by no trunk may do."""
        self._services = services
        self._register = register
        self._country = country
        self._registered = registered
        self._srtp = srtp
        self._tasks: set[asyncio.Task[None]] = set()

    def arrive(self, leg: IncomingCall) -> CallListener:
        """An INVITE came in, and nothing was sent. Looks its number up, then rings or rejects it."""
        arrival = _Arrival()
        self._tasks.add(asyncio.create_task(self._arrived(leg, arrival)))
        return arrival

    async def _arrived(self, leg: IncomingCall, arrival: _Arrival) -> None:
        try:
            await self._arrive(leg, arrival)
        finally:
            self._tasks.discard(asyncio.current_task())

    async def _arrive(self, leg: IncomingCall, arrival: _Arrival) -> None:
        session = new_session()
        with ExitStack() as held:
            try:
                async with asyncio.timeout(_LOOKED_UP_S):
                    called = await self._looked_up(leg, session, held)
            except (StoreError, TimeoutError) as error:
                log.error("number_lookup_failed", error=type(error).__name__)
                if not arrival.given_up:
                    leg.reject(503, headers=RETRY_LATER)
                return
            except (LookupError, UrlRefused):
                log.exception("number_lookup_failed")
                if not arrival.given_up:
                    leg.reject(500)
                return
            if not arrival.given_up:
                self._let_in(leg, session, called, held)

    async def _looked_up(self, leg: IncomingCall, session: str, held: ExitStack) -> _Called | None:
        """What is called, if that is a number of ours, whose account then holds the first step."""
        number = await self._number(leg)
        if number is None:
            return None
        forward_to = urls.parse(number.forward_to)
        telling = await self._services.directory.telling(number.app_id, number)
        terms = await self._services.pricing.incoming(session, number)
        held.callback(terms.meter.release)
        return _Called(number, forward_to, telling, terms)

    async def _number(self, leg: IncomingCall) -> Number | None:
        """The number of ours that is called, by whichever reading of what the trunk wrote.

        A registrar calls our Contact, and says elsewhere whom the call is for. If it does not say, the call
        is for the number that the trunk itself has.
        """
        registered = self._registered(leg.called.text)
        named = (
            (leg.called,) if registered is None else (*leg.addressed, *map(PhoneUser, registered))
        )
        for user in named:
            for reading in called_readings(user, leg.origin.trunk, self._country):
                found = await self._services.directory.number(reading)
                if found is not None:
                    return found
        return None

    def _let_in(
        self, leg: IncomingCall, session: str, called: _Called | None, held: ExitStack
    ) -> None:
        if called is None:
            _refuse(leg, 404, "unknown number", _UNKNOWN)
            return
        try:
            if leg.origin.trunk is None and self._srtp != "prefer":  # which is how a leg begins
                leg.secure(self._srtp)
        except SdpError as error:
            _refuse(leg, error.status, str(error), _SRTP)
            return
        account = called.terms.account
        caller = caller_number(leg.caller.users, leg.origin.trunk, self._country)
        if account.trial and caller != account.mobile_number:
            _refuse(leg, 480, "not the registered number of an account on trial", _TRIAL)
            return
        held.callback(self._services.in_progress.came_in(account.account_id).release)
        self._begin(leg, session, caller, called, held)

    def _begin(
        self, leg: IncomingCall, session: str, caller: str, called: _Called, held: ExitStack
    ) -> None:
        services, number, now_s = self._services, called.number, clock.now_s()
        call, effects = machine.arrive(
            session, called.forward_to, services.limits, now_s, sip_headers.told(leg.custom_headers)
        )
        name, trunk = leg.caller.name, leg.origin.trunk
        always = {"from_name": name, "trunk": trunk.name if trunk is not None else ""}
        parties = Parties(
            number.app_id,
            from_number=caller,
            to_number=number.number,
            told_always=tuple((key, text) for key, text in always.items() if text),
            telling=called.telling,
            tells_media=number.media,
        )
        anywhere = trunk.audio_from_anywhere if trunk is not None else False
        first = IncomingLeg(
            leg,
            services.local_ip,
            audio_from_anywhere=services.audio_from_anywhere or anywhere,
        )
        live = new_call(services, call, now_s, parties, called.terms, first)
        with suppress(RuntimeError):  # without one it may still be rejected
            live.reserve_port(held)  # the answer is the same, whichever process gives it
        if called.terms.covered:
            live.begin(effects, held)
        else:
            live.turn_away(held)
        self._register.add(live)


def _refuse(leg: IncomingCall, code: int, reason: str, hint: str) -> None:
    """A call of which no application is told."""
    log.info(
        "call_refused",
        reason=reason,
        form=numbers.form_of(leg.called),
        sip_call_id=leg.sip_call_id,
        peer=leg.source[0],
        trunk=leg.origin.trunk.name if leg.origin.trunk is not None else "",
        hint=hint,
        private={"called": leg.called.text},
    )
    leg.reject(code)
