"""The session timer of one call as a table: (state, event) -> handler (RFC 4028 10). Pure.

Times are waits, in seconds from the event. Two timers run: one to refresh, at half of the interval, and one
to give up, `min(32 s, a third)` before the interval is over. An agreement sets both anew.

    OFF       no timer was agreed
    OURS      we refresh, when it is time
    ASKING    our refresh is out
    THEIRS    the peer refreshes; we wait
    OVER      the call ends: nothing happens any more

What is not in the table does nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

from onhook.phone.session_timer.terms import Terms

MAX_REFUSALS = 12
"""So often in a row a refresh is refused before we go on asking only as seldom as after any refusal."""
_GONE: Final = frozenset((408, 481))
_PENDING: Final = 491


class TimerState(Enum):
    """Where the session timer of a call is."""

    __hash__ = object.__hash__  # each is one object, and Enum's own is slow
    OFF = auto()
    OURS = auto()
    ASKING = auto()
    THEIRS = auto()
    OVER = auto()


@dataclass(frozen=True, slots=True)
class Agreed:
    """A refresh, or the INVITE itself, was answered with 2xx; None if without a timer."""

    terms: Terms | None


@dataclass(frozen=True, slots=True)
class RefreshDue:
    """It is time to refresh."""


@dataclass(frozen=True, slots=True)
class ExpiryDue:
    """Nobody refreshed in time."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Our refresh was not answered with 2xx; `wait_s` is how long to wait then, where that is known. `min_s`
    is the Min-SE of a 422."""

    status: int
    wait_s: float | None = None
    min_s: int = 0


@dataclass(frozen=True, slots=True)
class Ended:
    """The call ends, for whatever reason."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Send a refresh for this interval; `min_s` is the least that it has to be, 0 where nobody said."""

    interval_s: int
    min_s: int


@dataclass(frozen=True, slots=True)
class AskIn:
    """`RefreshDue` after this time; instead of one that was set before."""

    wait_s: float


@dataclass(frozen=True, slots=True)
class ExpireIn:
    """`ExpiryDue` after this time; instead of one that was set before."""

    wait_s: float


@dataclass(frozen=True, slots=True)
class Stop:
    """Neither timer runs any more."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """End the call: the far end is not there, as this status says."""

    status: int


Event = Agreed | RefreshDue | ExpiryDue | Refused | Ended
Effect = Ask | AskIn | ExpireIn | Stop | GiveUp
Effects = tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class SessionTimer:
    """The timer at one moment; `refusals` counts those in a row, `min_s` is what a 422 asked for."""

    state: TimerState = TimerState.OFF
    interval_s: int = 0
    refusals: int = 0
    min_s: int = 0

    @property
    def terms(self) -> Terms | None:
        """What was agreed last; None if there is no timer."""
        if self.state in (TimerState.OFF, TimerState.OVER):
            return None
        return Terms(self.interval_s, self.state is not TimerState.THEIRS)


Step = tuple[SessionTimer, Effects]
_NONE: Final[Step] = SessionTimer(), (Stop(),)
_OVER: Final[Step] = SessionTimer(TimerState.OVER), (Stop(),)
Handler = Callable[[SessionTimer, Event], Step]


def refresh_after_s(interval_s: float) -> float:
    """RFC 4028 7.4 and 10: half of the interval."""
    return interval_s / 2


def expire_after_s(interval_s: float) -> float:
    """RFC 4028 10: 32 s, or a third of the interval if that is less, before it is over."""
    return interval_s - min(32.0, interval_s / 3)


def step(timer: SessionTimer, event: Event) -> Step:
    """What becomes of the timer, and what is to be done."""
    handler = TABLE.get((timer.state, type(event)))
    return handler(timer, event) if handler else (timer, ())


def _agreed(timer: SessionTimer, event: Event) -> Step:
    terms = event.terms if isinstance(event, Agreed) else None
    if terms is None:
        return _NONE
    state = TimerState.OURS if terms.ours else TimerState.THEIRS
    ask: Effects = (AskIn(refresh_after_s(terms.interval_s)),) if terms.ours else ()
    expire = ExpireIn(expire_after_s(terms.interval_s))
    return SessionTimer(state, terms.interval_s, 0, timer.min_s), (Stop(), *ask, expire)


def _ask(timer: SessionTimer, event: Event) -> Step:
    asking = replace(timer, state=TimerState.ASKING)
    return asking, (Ask(timer.interval_s, timer.min_s),)


def _refused(timer: SessionTimer, event: Event) -> Step:
    if not isinstance(event, Refused):
        return timer, ()
    if event.status in _GONE:
        return _give_up(timer, event)
    refused = replace(timer, refusals=timer.refusals + 1)
    if event.status == 422 and timer.interval_s < event.min_s and timer.refusals < MAX_REFUSALS:
        longer = replace(refused, interval_s=event.min_s, min_s=event.min_s)
        return longer, (Ask(event.min_s, event.min_s),)
    at_ease = (expire_after_s(timer.interval_s) - refresh_after_s(timer.interval_s)) / 3
    wait_s = at_ease if event.wait_s is None else event.wait_s
    if timer.refusals >= MAX_REFUSALS:
        wait_s = max(wait_s, at_ease)
    return replace(refused, state=TimerState.OURS), (AskIn(wait_s),)


def _give_up(timer: SessionTimer, event: Event) -> Step:
    status = event.status if isinstance(event, Refused) else 408
    return SessionTimer(TimerState.OVER), (Stop(), GiveUp(status))


def _end(timer: SessionTimer, event: Event) -> Step:
    return _OVER


_ALIVE: Final = tuple(state for state in TimerState if state is not TimerState.OVER)
_RUNNING: Final = (TimerState.OURS, TimerState.ASKING, TimerState.THEIRS)

TABLE: Final[Mapping[tuple[TimerState, type[Event]], Handler]] = {
    **{(state, Agreed): _agreed for state in _ALIVE},
    **{(state, Ended): _end for state in _ALIVE},
    **{(state, ExpiryDue): _give_up for state in _RUNNING},
    (TimerState.OURS, RefreshDue): _ask,
    (TimerState.ASKING, Refused): _refused,
}
"""Every move there is."""
