"""Asks a trunk every so many seconds whether it is there (RFC 3261 11)."""

from collections.abc import Callable

from onhook.phone.outside.client import PATIENCE_S, Outcome, OutsideSignalling, TrunkClient
from onhook.phone.registration.messages import options
from onhook.phone.timers import Clock, TimerHandle
from onhook.phone.trunk import Trunk

NOT_THERE = frozenset((0, 408, 502, 503, 504))
"""What says that nobody is there, or nobody behind it; any other answer is one, a refusal included."""


class TrunkPinger:
    """OPTIONS every `ping_s` of a trunk, counted from the answer; `on_outcome` hears of each."""

    def __init__(
        self,
        trunk: Trunk,
        signalling: OutsideSignalling,
        on_outcome: Callable[[Outcome], None],
        *,
        clock: Clock,
        now: Callable[[], float],
    ) -> None:
        self.trunk = trunk
        self._signalling = signalling
        self._on_outcome = on_outcome
        self._clock = clock
        self._client = TrunkClient(trunk, signalling, clock, now, patience_s=PATIENCE_S)
        self._timer: TimerHandle | None = None
        self._stopped = False

    def start(self) -> None:
        """Ask now, and from now on."""
        request = options(self.trunk, self._signalling.reached_at)
        self._client.ask(request, self._answered)

    def stop(self) -> None:
        """Ask no more."""
        self._stopped = True
        self._client.stop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _answered(self, outcome: Outcome) -> None:
        self._on_outcome(outcome)
        if not self._stopped:
            self._timer = self._clock.call_later(self.trunk.ping_s, self.start)
