"""What is done for one trunk: its registration, its OPTIONS, and what is known of it from both.

The log is told of changes, not of tries: `trunk_registered`, `trunk_registration_failed` once for each
answer that is another than the last, `trunk_down`, `trunk_up`.
"""

from collections.abc import Callable

import structlog

from onhook.calls import clock
from onhook.calls.trunk_watch.health import TrunkHealth
from onhook.phone.outside.client import Outcome
from onhook.phone.registration.pinger import NOT_THERE, TrunkPinger
from onhook.phone.registration.registrar import (
    Answer,
    RegistrationSignalling,
    TrunkRegistration,
)
from onhook.phone.timers import Clock
from onhook.phone.trunk import Trunk

log = structlog.get_logger()

_NO_ANSWER = "It does not answer: look at its address, and whether a firewall is between."
_BEHIND_IT = "It is there, and says that what is behind it is not."


class TrunkKeeper:
    """One trunk, from when it is this worker's until it is given up (RegistrationListener)."""

    def __init__(
        self,
        trunk: Trunk,
        user: str,
        signalling: RegistrationSignalling,
        *,
        timers: Clock,
        chance: Callable[[], float],
        on_gone: Callable[["TrunkKeeper"], None],
        now: Callable[[], float] = clock.now_s,
    ) -> None:
        self._now = now
        self.trunk = trunk
        self.user = user
        self.health = TrunkHealth(registers=trunk.register, pings=trunk.ping_s > 0)
        self._on_gone = on_gone
        self._was_up: bool | None = None
        self._told_code: int | None = None
        """The last answer of failed registrations that was logged; None while it goes well."""
        self._registration: TrunkRegistration | None = None
        self._pinger: TrunkPinger | None = None
        if trunk.register:
            self._registration = TrunkRegistration(
                trunk, user, signalling, self, clock=timers, now=now, chance=chance
            )
        if trunk.ping_s:
            self._pinger = TrunkPinger(trunk, signalling, self._pinged, clock=timers, now=now)

    @property
    def name(self) -> str:
        """The name of the trunk."""
        return self.trunk.name

    @property
    def service_route(self) -> tuple[str, ...]:
        """How requests of this trunk leave, as its registrar said (RFC 3608)."""
        return self._registration.service_route if self._registration is not None else ()

    def start(self) -> None:
        """Register, and ask, from now on."""
        if self._registration is not None:
            self._registration.start()
        if self._pinger is not None:
            self._pinger.start()

    def moved(self) -> None:
        """We have another address outside: the registrar is to hear of it."""
        if self._registration is not None:
            self._registration.refresh()

    def end(self) -> None:
        """Take the registration back; `on_gone` is called when that is done."""
        self._stop_asking()
        if self._registration is not None:
            self._registration.remove()
        else:
            self._on_gone(self)

    def abandon(self) -> None:
        """Stop without a word to anybody."""
        self._stop_asking()
        if self._registration is not None:
            self._registration.abandon()

    def is_registered_at(self, host: str) -> bool:
        """Whether this numeric host is one of the registrar's, and keeps our Contact."""
        return self._registration is not None and self._registration.is_at(host)

    def noted(self, *, absent: bool) -> None:
        """What a call through it came to: it was there, or not."""
        now_s = self._now()
        health = self.health
        self._is(health.silent(0, _NO_ANSWER) if absent else health.answered(now_s))

    def look(self) -> None:
        """Notice what the time alone changes: a registration that has lapsed."""
        self._is(self.health)

    # What the network does (RegistrationListener).

    def registered(self, answer: Answer) -> None:
        """It was granted, or refreshed."""
        registration, now_s = self._registration, self._now()
        if registration is None:
            return
        news = self._told_code is not None or not self.health.registered_until_s > now_s
        self._told_code = None
        until_s = registration.until_s
        self._is(self.health.registered(now_s, until_s, answer.round_trip_s))
        if news:
            granted_s = round(until_s - now_s)
            nat = {"seen_as": answer.seen_as} if answer.seen_as else {}
            log.info("trunk_registered", trunk=self.name, for_s=granted_s, **nat)

    def not_registered(self, answer: Answer) -> None:
        """A try failed."""
        if answer.status != self._told_code:
            self._told_code = answer.status
            log.warning(
                "trunk_registration_failed",
                trunk=self.name,
                sip_code=answer.status or None,
                hint=answer.hint,
                retry_s=round(answer.retry_s),
            )
        now_s = self._now()
        self._is(self.health.not_registered(now_s, answer.status, answer.hint, answer.round_trip_s))

    def gone(self) -> None:
        """It was taken back."""
        self._on_gone(self)

    def _pinged(self, outcome: Outcome) -> None:
        if outcome.status in NOT_THERE:
            hint = _BEHIND_IT if outcome.status else _NO_ANSWER
            self._is(self.health.silent(outcome.status, hint))
        else:
            self._is(self.health.answered(self._now(), outcome.round_trip_s))

    def _is(self, health: TrunkHealth) -> None:
        self.health = health
        up = health.up(self._now())
        if up == self._was_up:
            return
        before, self._was_up = self._was_up, up
        if up is False:
            code = health.sip_code or None
            log.warning("trunk_down", trunk=self.name, sip_code=code, hint=health.hint)
        elif up and before is False:
            log.info("trunk_up", trunk=self.name)

    def _stop_asking(self) -> None:
        if self._pinger is not None:
            self._pinger.stop()
