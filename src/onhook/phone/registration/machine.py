"""One registration (RFC 3261 10.2) as a table: (state, event) -> what is next. Pure: events in, effects out.

    state        what is going on                              what ends it
    IDLE         nothing yet                                   Started
    ASKING       a REGISTER is out                             Granted, TooBrief, Refused, Unanswered
    REGISTERED   granted; the timer is for the refresh         Due; FlowLost brings it nearer
    WAITING      the last try failed; the timer is for another Due
    REMOVING     REGISTER with Expires: 0 is out               any answer, or none
    GONE         it is over                                    nothing

Whether we are registered is another question than what is being done about it: `until_s` says how long the
registrar keeps what it granted last, also while a refresh is out, or has failed. Every state but IDLE and
GONE has either a request that is out or a timer, so it never stops trying; between two requests there is
`backoff` or half of what was granted, so it never floods. Asking for longer after a 423 is the one request
that follows at once, and it is made once a try.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto

from onhook.phone.registration.backoff import LONGEST_GRANT_S, refresh_after_s, retry_after_s

ASKED_S = 600
"""What we ask for: short enough to be found again soon by a registrar that forgot us."""

_SLOWLY = frozenset({*range(300, 700)} - {408, 423, 425, 429, 480, 486, 487, 491, 494, *range(500, 600)}
                    | {501, 505})  # fmt: skip
"""Answers that the same request will get again: wrong credentials, an unknown user, a rule of theirs."""


class RegistrationState(Enum):
    """What is being done about a registration."""

    IDLE = auto()
    ASKING = auto()
    REGISTERED = auto()
    WAITING = auto()
    REMOVING = auto()
    GONE = auto()


# Events.


@dataclass(frozen=True, slots=True)
class Started:
    """It is wanted."""


@dataclass(frozen=True, slots=True)
class Granted:
    """A 2xx; `granted_s` is for how long."""

    granted_s: int


@dataclass(frozen=True, slots=True)
class TooBrief:
    """A 423; `least_s` is its Min-Expires, 0 without one."""

    least_s: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Any other final response; `retry_after_s` is its Retry-After, 0 without one. `garbled`: it asks for
    credentials in a way that nobody can read, so what it makes of them is not known."""

    status: int
    retry_after_s: float = 0.0
    garbled: bool = False


@dataclass(frozen=True, slots=True)
class Unanswered:
    """None of the registrar's addresses answered, or it has none."""


@dataclass(frozen=True, slots=True)
class Due:
    """The timer ran out."""


@dataclass(frozen=True, slots=True)
class FlowLost:
    """The connection is gone by which the registrar reaches us (RFC 5626 4.5)."""


@dataclass(frozen=True, slots=True)
class Removed:
    """It is not wanted any more."""


Event = Started | Granted | TooBrief | Refused | Unanswered | Due | FlowLost | Removed

# Effects.


@dataclass(frozen=True, slots=True)
class Ask:
    """Send REGISTER; `expires_s` 0 takes the registration back."""

    expires_s: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Set the one timer, in place of what it was set to."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class StopWaiting:
    """The timer is not wanted."""


@dataclass(frozen=True, slots=True)
class TellRegistered:
    """It was granted, or refreshed."""


@dataclass(frozen=True, slots=True)
class TellFailed:
    """A try failed; `status` 0 is no answer. The next one is in `retry_s`."""

    status: int
    retry_s: float


@dataclass(frozen=True, slots=True)
class TellGone:
    """It was taken back, or could not be: nothing more will be heard of it."""


Effect = Ask | Wait | StopWaiting | TellRegistered | TellFailed | TellGone


@dataclass(frozen=True, slots=True)
class Registration:
    """Where a registration is. Times are seconds of the clock that `step` is given."""

    state: RegistrationState = RegistrationState.IDLE
    expires_s: int = ASKED_S
    """What is asked for; more, once the registrar said that it is too brief."""
    until_s: float = 0.0
    """The registrar keeps what it granted until then; 0 is nothing."""
    failures: int = 0
    """In a row."""
    refresh_s: float = 0.0
    """When what was granted is to be refreshed."""
    losses: int = 0
    """Connections in a row that were lost before that."""
    lengthened: bool = False
    """Whether this try has asked for longer already."""

    def is_valid(self, now_s: float) -> bool:
        """Whether calls come to us now, as far as the registrar said."""
        return now_s < self.until_s


Step = tuple[Registration, tuple[Effect, ...]]
_Move = Callable[[Registration, Event, float, float], Step]


def step(was: Registration, event: Event, now_s: float, chance: float) -> Step:
    """What becomes of a registration by an event; one that does not fit its state changes nothing.

    `chance` is a random number from 0 to 1.
    """
    move = MOVES.get((was.state, type(event)))
    return move(was, event, now_s, chance) if move is not None else (was, ())


def _ask(was: Registration, event: Event, now_s: float, chance: float) -> Step:
    losses = 0 if now_s >= was.refresh_s else was.losses
    asking = replace(was, state=RegistrationState.ASKING, lengthened=False, losses=losses)
    return asking, (Ask(was.expires_s),)


def _granted(was: Registration, event: Event, now_s: float, chance: float) -> Step:
    assert isinstance(event, Granted)
    kept_s = min(event.granted_s, LONGEST_GRANT_S)
    if kept_s <= 0:  # it says yes, and means no
        return _failed(was, 0.0, now_s, chance, status=200)
    now = replace(
        was,
        state=RegistrationState.REGISTERED,
        until_s=now_s + kept_s,
        refresh_s=now_s + refresh_after_s(kept_s),
        failures=0,
    )
    return now, (Wait(refresh_after_s(kept_s)), TellRegistered())


def _flow_lost(was: Registration, event: Event, now_s: float, chance: float) -> Step:
    """Calls cannot come through a NAT until there is another connection. A registrar that closes each one
    would be flooded if we believed it: the wait doubles, and is never longer than that for the refresh."""
    losses = was.losses + 1
    delay_s = min(retry_after_s(losses, chance, slow=False), max(was.refresh_s - now_s, 0.0))
    return replace(was, losses=losses), (Wait(delay_s),)


def _too_brief(was: Registration, event: Event, now_s: float, chance: float) -> Step:
    """Once a try (RFC 3261 10.2.8)."""
    assert isinstance(event, TooBrief)
    wanted_s = min(event.least_s or 2 * was.expires_s, LONGEST_GRANT_S)
    if was.lengthened or wanted_s <= was.expires_s:
        return _failed(was, 0.0, now_s, chance, status=423)
    return replace(was, expires_s=wanted_s, lengthened=True), (Ask(wanted_s),)


def _refused(was: Registration, event: Event, now_s: float, chance: float) -> Step:
    assert isinstance(event, Refused)
    slow = event.status in _SLOWLY and not event.garbled
    return _failed(was, event.retry_after_s, now_s, chance, status=event.status, slow=slow)


def _unanswered(was: Registration, event: Event, now_s: float, chance: float) -> Step:
    return _failed(was, 0.0, now_s, chance, status=0)


def _failed(
    was: Registration,
    asked_s: float,
    now_s: float,
    chance: float,
    *,
    status: int,
    slow: bool = False,
) -> Step:
    failures = was.failures + 1
    delay_s = retry_after_s(failures, chance, slow=slow, asked_s=asked_s)
    waiting = replace(was, state=RegistrationState.WAITING, failures=failures)
    return waiting, (Wait(delay_s), TellFailed(status, delay_s))


def _remove(was: Registration, event: Event, now_s: float, chance: float) -> Step:
    """What the registrar keeps is taken back; it may keep what it was asked for a moment ago, too."""
    if not was.is_valid(now_s) and was.state is not RegistrationState.ASKING:
        return _gone(was, event, now_s, chance, (StopWaiting(),))
    return replace(was, state=RegistrationState.REMOVING), (StopWaiting(), Ask(0))


def _gone(
    was: Registration,
    event: Event,
    now_s: float,
    chance: float,
    before: tuple[Effect, ...] = (),
) -> Step:
    return replace(was, state=RegistrationState.GONE, until_s=0.0), (*before, TellGone())


_S = RegistrationState
MOVES: Mapping[tuple[RegistrationState, type[Event]], _Move] = {
    (_S.IDLE, Started): _ask,
    (_S.IDLE, Removed): _gone,
    (_S.ASKING, Granted): _granted,
    (_S.ASKING, TooBrief): _too_brief,
    (_S.ASKING, Refused): _refused,
    (_S.ASKING, Unanswered): _unanswered,
    (_S.ASKING, Removed): _remove,
    (_S.REGISTERED, Due): _ask,
    (_S.REGISTERED, FlowLost): _flow_lost,
    (_S.REGISTERED, Removed): _remove,
    (_S.WAITING, Due): _ask,
    (_S.WAITING, Removed): _remove,
    (_S.REMOVING, Granted): _gone,
    (_S.REMOVING, TooBrief): _gone,
    (_S.REMOVING, Refused): _gone,
    (_S.REMOVING, Unanswered): _gone,
}
"""Every edge. Nothing leads out of GONE."""
