"""Everybody's phones, as a test has them: those who call the application, and those whom it calls."""

from collections.abc import Mapping
from typing import Final

from onhook.simulator.backend import Backend, Leg
from onhook.simulator.call import WITHIN_S, Call

CALLER: Final = "+6591110000"
"""Who calls, where a test does not say."""


class Phone:
    """Calls the application, and is called by it.

    call = phone.call("+6531234567")
    call.hears("Welcome")
    call.press("2")
    call.is_hung_up_after("Good bye")
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def call(
        self, number: str, caller: str = CALLER, headers: Mapping[str, str] | None = None
    ) -> Call:
        """Calls a number of the application, with these SIP headers; an empty ``caller`` withholds it."""
        return Call(self._backend, self._backend.call(number, caller, headers or {}))

    def of(self, leg: Leg) -> Call:
        """The call of a phone that is in one already."""
        return Call(self._backend, leg)

    def rings(self, number: str, within_s: float = WITHIN_S) -> Call:
        """Waits until the application calls this number; the call rings until it is answered or rejected."""
        __tracebackhide__ = True
        leg = self._backend.rings(number, within_s)
        if leg is None:
            raise AssertionError(f"{number} did not ring.\n{self._backend.story}")
        return Call(self._backend, leg)

    def answers(self, number: str, within_s: float = WITHIN_S) -> Call:
        """Waits until the application calls this number, and takes the call."""
        __tracebackhide__ = True
        return self.rings(number, within_s).answer()

    # What goes wrong --------------------------------------------------------------------------------

    def is_busy(self, number: str) -> None:
        """Calls to this number are refused with 486, from now on."""
        self._backend.takes(number, refuses=486, answers_after_s=None)

    def refuses(self, number: str, code: int) -> None:
        """Calls to this number are refused with this SIP status, from now on."""
        self._backend.takes(number, refuses=code, answers_after_s=None)

    def answers_by_itself(self, number: str, after_s: float = 3.0) -> None:
        """Calls to this number are answered so long after they begin to ring, from now on."""
        self._backend.takes(number, refuses=None, answers_after_s=after_s)

    def webhook_answers(self, *statuses: int) -> None:
        """The next notifications are answered with these HTTP statuses, one each, and the application sees
        nothing of them; behind them all is as before."""
        self._backend.fails(statuses, ())

    def webhook_is_dead(self, times: int = 1) -> None:
        """The next notifications get no answer, and the application sees nothing of them."""
        self._backend.fails([None] * times, ())

    def webhook_is_slow(self, seconds: float, times: int = 1) -> None:
        """The application gets the next notifications, and its answers are so late; after 15 s they count as
        none, and it is told again."""
        self._backend.fails((), [seconds] * times)

    def has_credit(self, amount: str | None) -> None:
        """The account is prepaid, and has this amount left; None: it pays afterwards, as at first."""
        self._backend.credit(amount)

    @property
    def story(self) -> str:
        """What has happened so far."""
        return self._backend.story
