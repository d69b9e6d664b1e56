"""One trunk's registration on the network: what `machine` decides, done with a `TrunkClient`.

The Contact's user part is the caller's to choose. It is to be the same after a restart: then the binding of
a process that crashed is replaced by the next one's, if its address is the same, and otherwise it is found
among those that the registrar lists, and taken back. So no stale binding rings beside the new one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from onhook.phone.addresses import Address
from onhook.phone.flows import Flow, KeptFlows
from onhook.phone.message import Response
from onhook.phone.outside.client import Outcome, OutsideSignalling, TrunkClient
from onhook.phone.registration import machine
from onhook.phone.registration.answers import answer_of, left_behind, seen_as, service_route, why
from onhook.phone.registration.machine import Registration, RegistrationState
from onhook.phone.registration.messages import contact_uri, forget, register
from onhook.phone.timers import Clock, TimerHandle
from onhook.phone.trunk import Trunk

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one try: the status (0: no answer), what it means, and when the next one is; of one that
    was granted, where the registrar saw us, if not where we said."""

    status: int
    round_trip_s: float
    hint: str = ""
    retry_s: float = 0.0
    seen_as: str = ""


class RegistrationListener(Protocol):
    """Who hears how a registration goes."""

    def registered(self, answer: Answer) -> None:
        """It was granted, or refreshed."""

    def not_registered(self, answer: Answer) -> None:
        """A try failed; what was granted before may hold still."""

    def gone(self) -> None:
        """It is over, and nothing more will be heard of it."""


class RegistrationSignalling(OutsideSignalling, Protocol):
    """What a registration needs of its endpoint."""

    flows: KeptFlows


class TrunkRegistration:
    """A registration that is kept until it is removed.

    `now` gives seconds of a monotonic clock, `chance` a random number from 0 to 1, `user` is the user part
    of our Contact.
    """

    def __init__(
        self,
        trunk: Trunk,
        user: str,
        signalling: RegistrationSignalling,
        listener: RegistrationListener,
        *,
        clock: Clock,
        now: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        self.trunk = trunk
        self.user = user
        self.service_route: tuple[str, ...] = ()
        """How requests of this trunk leave, as the registrar said last (RFC 3608)."""
        self.address: Address | None = None
        """The address that granted it last."""
        self._signalling = signalling
        self._listener = listener
        self._clock = clock
        self._now = now
        self._chance = chance
        self._client = TrunkClient(trunk, signalling, clock, now)
        self._was = Registration()
        self._timer: TimerHandle | None = None
        self._last = Outcome(None)
        self._forgotten: set[str] = set()
        self._flow: Flow | None = None

    @property
    def state(self) -> RegistrationState:
        """What is being done about it."""
        return self._was.state

    @property
    def until_s(self) -> float:
        """The registrar keeps our Contact until then, by `now`; 0 is not at all."""
        return self._was.until_s

    def is_at(self, host: str) -> bool:
        """Whether this numeric host is one of the registrar's, and keeps our Contact."""
        known = any(address[0] == host for address in self._client.found)
        granted = self.address is not None and self.address[0] == host
        return (known or granted) and self._was.is_valid(self._now())

    def start(self) -> None:
        """Register."""
        self._happens(machine.Started())

    def refresh(self) -> None:
        """Register again now: what our Contact says has changed."""
        if self.state in (RegistrationState.REGISTERED, RegistrationState.WAITING):
            self._stop_timer()
            self._happens(machine.Due())

    def remove(self) -> None:
        """Take it back; `gone` follows, after 32 s if nobody answers."""
        self._happens(machine.Removed())

    def abandon(self) -> None:
        """Forget it without a word to anybody."""
        self._stop_timer()
        self._client.stop()
        self._let_flow_go()

    def _happens(self, event: machine.Event) -> None:
        self._was, effects = machine.step(self._was, event, self._now(), self._chance())
        for effect in effects:
            self._perform(effect)

    def _perform(self, effect: machine.Effect) -> None:
        match effect:
            case machine.Ask(expires_s):
                self._ask(expires_s)
            case machine.Wait(delay_s):
                self._stop_timer()
                self._timer = self._clock.call_later(delay_s, self._happens, machine.Due())
            case machine.StopWaiting():
                self._stop_timer()
            case machine.TellRegistered():
                self._listener.registered(self._success())
            case machine.TellFailed(status, retry_s):
                self._listener.not_registered(self._failure(status, retry_s))
            case machine.TellGone():
                self._client.stop()
                self._let_flow_go()
                self._listener.gone()

    def _ask(self, expires_s: int) -> None:
        request = register(self.trunk, self.user, self._signalling.reached_at, expires_s)
        self._client.ask(request, lambda outcome: self._answered(outcome, expires_s))

    def _answered(self, outcome: Outcome, asked_s: int) -> None:
        self._last = outcome
        answer = answer_of(outcome.response, self.user, asked_s, garbled=outcome.garbled)
        self._happens(answer)
        granted = self.state is RegistrationState.REGISTERED
        if granted and outcome.response is not None and outcome.address is not None:
            self.address = outcome.address
            self._keep_flow(outcome.address)
            self.service_route = service_route(outcome.response)
            self._forget_others(outcome.response, outcome.address)

    def _keep_flow(self, address: Address) -> None:
        """The registrar reaches us by the way that the REGISTER took."""
        if self._flow is None or self._flow.address != address:
            self._let_flow_go()
            flows, every_s = self._signalling.flows, self.trunk.keepalive_s
            self._flow = flows.keep(address, every_s, lambda: self._happens(machine.FlowLost()))

    def _let_flow_go(self) -> None:
        if self._flow is not None:
            self._signalling.flows.let_go(self._flow)
            self._flow = None

    def _forget_others(self, response: Response, address: Address) -> None:
        """Take back what an earlier process left; each of them once, for a registrar may refuse."""
        here = contact_uri(self.user, self._signalling.reached_at(address), address)
        found = [
            uri for uri in left_behind(response, self.user, here) if uri not in self._forgotten
        ]
        if found:
            self._forgotten.update(found)
            log.info("trunk_binding_left_behind", trunk=self.trunk.name, bindings=len(found))
            self._client.ask(forget(self.trunk, found), lambda outcome: None)

    def _success(self) -> Answer:
        last = self._last
        seen = seen_as(last.response) if last.response is not None else ""
        return Answer(last.status, last.round_trip_s, seen_as=seen)

    def _failure(self, status: int, retry_s: float) -> Answer:
        reason = self._last.unanswered or self._last.unreached
        hint = why(status, reason, garbled=self._last.garbled)
        return Answer(status, self._last.round_trip_s, hint, retry_s)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
