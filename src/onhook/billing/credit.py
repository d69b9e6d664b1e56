"""What the running calls of a prepaid account may still take from it. Pure.

A call holds the cost of every step that it has begun, and of the next one before it begins it. What
is held is never given to another call, so calls side by side cannot spend the same money twice.
Amounts are micros.
"""

from onhook.billing.amounts import micros
from onhook.billing.rating import Rate

_AHEAD_S = 2.0
"""The next step is asked for this long before it begins, or half a step if that is shorter."""


def held_for(rate: Rate, billed_s: int) -> int:
    """What a call holds for so many billed seconds at this rate, in micros."""
    return micros(rate.cost(billed_s))


def asked_after_s(rate: Rate, covered_s: int) -> float:
    """How many seconds after the answer a call that holds ``covered_s`` asks for its next step."""
    step_s = rate.initial_s if covered_s == rate.initial_s else rate.increment_s
    return covered_s - min(_AHEAD_S, step_s / 2)


def covers(balance: int, held: int, wanted: int) -> bool:
    """Whether a balance, of which ``held`` is spoken for, covers ``wanted``. Nothing costs nothing."""
    return wanted <= 0 or balance - held >= wanted


class Holds:
    """What each session of one account holds, in micros."""

    def __init__(self) -> None:
        self._held: dict[str, int] = {}
        self._total = 0
        self.released = 0
        """All that was ever released. Note it before the balance is read, for :meth:`raise_to`."""

    def of(self, session: str) -> int:
        """What this session holds, in micros; 0 if nothing."""
        return self._held.get(session, 0)

    @property
    def total(self) -> int:
        """What all sessions of the account hold together, in micros."""
        return self._total

    def keep(self, session: str, amount: int) -> None:
        """The session holds ``amount`` in all, never less than before."""
        more = amount - self.of(session)
        if more > 0:
            self._held[session] = amount
            self._total += more

    def lower(self, session: str, amount: int) -> None:
        """The session needs no more than ``amount`` in all; the rest is free again."""
        less = self.of(session) - amount
        if less > 0:
            self._held[session] = amount
            self._total -= less
            self.released += less

    def release(self, session: str) -> None:
        """The session's debit is written, or it has none: it holds nothing any more."""
        amount = self._held.pop(session, 0)
        self._total -= amount
        self.released += amount

    def raise_to(self, session: str, amount: int, balance: int, released: int) -> bool:
        """Lets the session hold ``amount`` in all, if the rest of the balance covers what is new.

        ``balance`` was read after ``released`` was noted. What was released since then counts as held
        still: whether the balance that was read has those debits is not known, and none may be
        missed. So money may be counted twice for a moment, but never spent twice.
        """
        held = self._total + self.released - released
        if not covers(balance, held, amount - self.of(session)):
            return False
        self.keep(session, amount)
        return True
