"""Runs the session timer of one call: two timers of the clock, and what the peer said it can do."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, Protocol

from onhook import identifiers
from onhook.phone.kept.reading import Fields
from onhook.phone.message import Request, Response
from onhook.phone.reply import HeaderLines
from onhook.phone.session_timer import state as machine
from onhook.phone.session_timer import terms
from onhook.phone.session_timer.terms import MIN_SE_S, Terms
from onhook.phone.timers import TimerHandle

OnFinal = Callable[[Response | None], None]
"""Hears the final response, or None if there was none."""
Later = Callable[[float, Callable[[], None]], TimerHandle]
"""Calls back after so many seconds."""

GRACE_S = 5.0
"""So long a process that goes on with a session waits at least before it gives the peer up: its refresh may
have come while nobody read, and it repeats that every 4 s (RFC 3261 17.1.2.2)."""
_NAMES = {state: state.name.lower() for state in machine.TimerState}
_UNABLE = frozenset((405, 501))
_ENDED = machine.Ended()
_NO_TIMER = machine.Agreed(None)


class Refresher(Protocol):
    """The call whose session it is."""

    def refresh(self, headers: HeaderLines, on_final: OnFinal, *, by_update: bool) -> bool:
        """Send an UPDATE without a description, or a re-INVITE with the one that was sent last; False if
        that cannot be done now."""

    def session_lost(self, status: int) -> None:
        """The peer is not there any more: end the call."""


class _Nobody:
    """In the place of a call that ends (Refresher), which its keeper then lets go of."""

    def refresh(self, headers: HeaderLines, on_final: OnFinal, *, by_update: bool) -> bool:
        """Nothing is refreshed any more."""
        return False

    def session_lost(self, status: int) -> None:
        """It ends already."""


_NOBODY: Final = _Nobody()


class SessionKeeper:
    """The session timer of a call. `wanted_s` is the interval that we would like, 0 for none.

    `we_called` says whose Call-ID it is, which decides who waits longer when both ask at once.
    """

    def __init__(
        self, call: Refresher, later: Later, now: Callable[[], float], *, we_called: bool
    ) -> None:
        self.wanted_s = 0
        self._now = now
        self._call: Refresher = call
        self._later = later
        self._we_called = we_called
        self._timer = machine.SessionTimer()
        self._ask: TimerHandle | None = None
        self._expiry: TimerHandle | None = None
        self._ask_at: float | None = None
        self._expire_at: float | None = None
        self._by_update = False
        self._min_s = 0
        self._asked = 0

    def lengthened(self, refusal: Response) -> bool:
        """Whether a 422 to our first INVITE asks for a longer interval, which is what we want from now on."""
        least = min(terms.min_se(refusal), terms.LONGEST_S)
        longer = refusal.status == 422 and least > max(self.wanted_s, MIN_SE_S)
        if longer:
            self.wanted_s = self._min_s = least
        return longer

    @property
    def asks(self) -> HeaderLines:
        """What our first INVITE says."""
        return terms.asks(self.wanted_s, self._min_s)

    def heard(self, message: Request | Response) -> None:
        """Learn what the peer understands (RFC 3261 20.5)."""
        if "allow" in message.headers:
            self._by_update = terms.lists(message, "allow", "UPDATE")

    def accept(self, request: Request) -> HeaderLines:
        """The peer's INVITE or UPDATE is answered with 2xx, which has these headers; the session is fresh."""
        self.heard(request)
        asked = terms.read(request)
        agreed = terms.agree(asked, self.wanted_s, self._timer.terms)
        self._happens(machine.Agreed(agreed) if agreed else _NO_TIMER)
        return agreed.as_answered(asked) if agreed else ()

    def accepted(self, response: Response) -> None:
        """Our INVITE or UPDATE was answered with 2xx."""
        self.heard(response)
        self._happens(machine.Agreed(terms.agreed(terms.read(response))))

    def stop(self) -> None:
        """The call ends."""
        if self._timer.state is not machine.TimerState.OVER:
            self._happens(_ENDED)
        self._call = _NOBODY

    def kept(self) -> dict[str, Any]:
        """What another process needs to go on with it; times are those of the clock of the endpoint."""
        timer = self._timer
        return {
            "state": _NAMES[timer.state],
            "interval_s": timer.interval_s,
            "refusals": timer.refusals,
            "min_s": timer.min_s,
            "ask_at": self._ask_at,
            "expire_at": self._expire_at,
            "wanted_s": self.wanted_s,
            "first_min_s": self._min_s,
            "by_update": self._by_update,
        }

    def resume(self, fields: Fields) -> None:
        """Be where another process was; nothing happens before `go_on`. Raises `KeptUnreadable`."""
        self.wanted_s, self._min_s = fields.number("wanted_s"), fields.number("first_min_s")
        self._by_update = fields.flag("by_update")
        self._ask_at, self._expire_at = fields.seconds("ask_at"), fields.seconds("expire_at")
        self._timer = machine.SessionTimer(
            fields.choice("state", machine.TimerState),
            fields.number("interval_s"),
            fields.number("refusals"),
            fields.number("min_s"),
        )

    def asking(self, headers: HeaderLines) -> OnFinal:
        """Who hears of a re-INVITE that another process sent. If nobody answers, it may have been answered to
        that one: it is asked for anew."""
        done = self._await(headers, by_update=False)

        def heard(final: Response | None) -> None:
            if final is not None:
                done(final)
            elif self._timer.state is machine.TimerState.ASKING:
                self._happens(machine.Refused(491, self._glare_wait_s()))

        return heard

    def go_on(self, *, waits: bool) -> None:
        """The timers run again. A refresh that was under way is asked for anew, unless its answer is waited
        for; and a peer whose own waits to be read has a moment for it."""
        timer, now_s = self._timer, self._now()
        if timer.state is machine.TimerState.ASKING:
            self._ask_at = None
            if not waits:
                self._timer = replace(timer, state=machine.TimerState.OURS)
                self._ask_at = now_s
        if self._ask_at is not None:
            wait_s = min(max(self._ask_at - now_s, 0.0), timer.interval_s)
            self._perform(machine.AskIn(wait_s))
        if self._expire_at is not None:
            wait_s = min(max(self._expire_at - now_s, GRACE_S), timer.interval_s)
            self._perform(machine.ExpireIn(wait_s))

    # How it is done.

    def _happens(self, event: machine.Event) -> None:
        if isinstance(event, machine.Agreed):
            self._asked += 1  # what comes of a refresh that is still out is late
        self._timer, effects = machine.step(self._timer, event)
        for effect in effects:
            self._perform(effect)

    def _perform(self, effect: machine.Effect) -> None:
        match effect:
            case machine.Stop():
                self._cancel(self._ask)
                self._cancel(self._expiry)
                self._ask = self._expiry = self._ask_at = self._expire_at = None
            case machine.AskIn(wait_s):
                self._cancel(self._ask)
                self._ask_at = self._now() + wait_s
                self._ask = self._later(wait_s, lambda: self._happens(machine.RefreshDue()))
            case machine.ExpireIn(wait_s):
                self._cancel(self._expiry)
                self._expire_at = self._now() + wait_s
                self._expiry = self._later(wait_s, lambda: self._happens(machine.ExpiryDue()))
            case machine.Ask(interval_s, min_s):
                self._refresh(Terms(interval_s, ours=True).as_asked(min_s))
            case machine.GiveUp(status):
                self._call.session_lost(status)

    def _cancel(self, timer: TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()

    def _refresh(self, headers: HeaderLines) -> None:
        by_update = self._by_update
        done = self._await(headers, by_update=by_update)
        if not self._call.refresh(headers, done, by_update=by_update):
            self._happens(machine.Refused(491, self._glare_wait_s()))

    def _await(self, headers: HeaderLines, *, by_update: bool) -> OnFinal:
        """Who hears of a refresh that is under way from now on."""
        self._asked += 1
        asked = self._asked

        def done(final: Response | None) -> None:
            if asked == self._asked:
                self._refreshed(final, headers, by_update=by_update)

        return done

    def _refreshed(self, final: Response | None, headers: HeaderLines, *, by_update: bool) -> None:
        if final is not None and final.status < 300:
            self.accepted(final)
        elif final is not None and final.status in _UNABLE and by_update:
            self._by_update = False
            self._refresh(headers)
        else:
            self._happens(self._refused(final))

    def _refused(self, final: Response | None) -> machine.Refused:
        if final is None:
            return machine.Refused(408)
        if final.status == 491:
            return machine.Refused(491, self._glare_wait_s())
        least = min(terms.min_se(final), terms.LONGEST_S)
        return machine.Refused(final.status, _retry_after_s(final), least)

    def _glare_wait_s(self) -> float:
        """RFC 3261 14.1: 2.1 to 4 s for whose Call-ID it is, 0 to 2 s for the other; in steps of 10 ms."""
        if self._we_called:
            return 2.1 + identifiers.randbelow(191) / 100
        return identifiers.randbelow(201) / 100


def _retry_after_s(response: Response) -> float | None:
    """RFC 3261 20.33, as far as it is a number of seconds; at least one."""
    text = response.first("retry-after").partition(";")[0].partition("(")[0].strip()
    if not (text.isascii() and text.isdigit()):
        return None
    return float(max(1, int(text[:6])))
