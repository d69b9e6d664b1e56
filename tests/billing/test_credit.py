"""Calls side by side never hold more than there is."""

from decimal import Decimal

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from onhook.billing import Holds, Rate, asked_after_s, covers, held_for

SESSIONS = st.sampled_from("ABCD")


@pytest.mark.parametrize(
    ("balance", "held", "wanted", "enough"),
    [(20, 0, 20, True), (20, 1, 20, False), (-5, 0, 1, False), (-5, 9, 0, True), (0, 0, 0, True)],
)
def test_covers(balance: int, held: int, wanted: int, enough: bool) -> None:
    assert covers(balance, held, wanted) == enough


@pytest.mark.parametrize(
    ("covered_s", "after_s"),
    [(30, 28.0), (31, 30.5), (32, 31.5)],
)
def test_a_step_is_asked_for_before_it_begins_a_short_one_in_its_middle(
    covered_s: int, after_s: float
) -> None:
    rate = Rate("SGD", Decimal("0.060"), 30, 1)
    assert asked_after_s(rate, covered_s) == after_s
    assert held_for(rate, covered_s) == covered_s * 1000


def test_a_session_that_holds_something_asks_for_the_rest_only() -> None:
    holds = Holds()
    assert holds.raise_to("A", 60, 100, holds.released)
    assert holds.raise_to("A", 100, 100, holds.released)
    assert not holds.raise_to("A", 101, 100, holds.released)
    assert not holds.raise_to("B", 1, 100, holds.released)
    holds.release("A")
    assert holds.raise_to("B", 1, 1, holds.released)
    assert holds.total == holds.of("B") == 1


def test_a_debit_that_was_written_while_the_balance_was_read_is_not_missed() -> None:
    holds = Holds()
    assert holds.raise_to("A", 20, 20, holds.released)
    released, balance = holds.released, 20  # read just before the debit of A was written
    holds.release("A")
    assert not holds.raise_to("B", 20, balance, released)


def test_a_call_that_came_and_went_while_the_balance_was_read_is_not_missed() -> None:
    holds = Holds()
    released, balance = holds.released, 20
    assert holds.raise_to("A", 20, balance, released)
    holds.release("A")
    assert not holds.raise_to("B", 20, balance, released)


class Account(RuleBasedStateMachine):
    """Calls hold, end and are debited, while balances that were read grow old."""

    def __init__(self) -> None:
        super().__init__()
        self.balance = 0
        self.holds = Holds()
        self.readings: list[tuple[int, int]] = []

    @rule(amount=st.integers(1, 50))
    def credit(self, amount: int) -> None:
        self.balance += amount

    @rule()
    def read(self) -> None:
        """A balance is read; until somebody decides upon it, calls may come, end and be debited."""
        self.readings.append((self.balance, self.holds.released))

    @rule(session=SESSIONS, share=st.integers(0, 100))
    def end(self, session: str, share: int) -> None:
        """The debit is at most what was held; it is written, then the hold is released."""
        self.balance -= self.holds.of(session) * share // 100
        self.holds.release(session)

    @rule(session=SESSIONS, more=st.integers(0, 30), pick=st.integers(0, 9))
    def decide(self, session: str, more: int, pick: int) -> None:
        if self.readings:
            balance, released = self.readings[pick % len(self.readings)]
            self.holds.raise_to(session, self.holds.of(session) + more, balance, released)

    @invariant()
    def never_more_is_held_than_there_is(self) -> None:
        assert self.holds.total == sum(self.holds.of(session) for session in "ABCD")
        assert self.holds.total <= self.balance


TestAccount = Account.TestCase
