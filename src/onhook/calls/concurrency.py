"""How many calls an account has at the same time (reference, section 7: calls, not legs).

A call that came in, or was made, is one, however many phones are joined in it. Calls that come in are
counted and never refused: somebody is at the other end, and a limit for their sake is the trunk's to
have. At the limit no call is made. Where more than that came in, none is passed on either: a number that
is passed on to itself would go round for ever. The calls of this process only: two that serve one account
have a limit each.
"""

from collections import Counter
from collections.abc import Callable

from onhook.blocks import Refused


class Place:
    """The place of one call. Giving it back twice is harmless."""

    def __init__(self, give_back: Callable[[], None]) -> None:
        self._give_back: Callable[[], None] | None = give_back

    def release(self) -> None:
        """The call is over, or was never made."""
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            give_back()


class CallsInProgress:
    """The calls of each account. ``most`` are made at the same time; 0 is no limit."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._of: Counter[str] = Counter()

    def came_in(self, account_id: str) -> Place:
        """A call came in; it is counted, however many there are."""
        self._of[account_id] += 1
        return Place(lambda: self._over(account_id))

    def make(self, account_id: str) -> Place:
        """A place for a call that is to be made. Raises :class:`Refused` at the limit."""
        self._refuse_above(account_id, self.most - 1)
        return self.came_in(account_id)

    def pass_on(self, account_id: str) -> None:
        """One of the calls is to be joined to another phone. Raises :class:`Refused` beyond the limit."""
        self._refuse_above(account_id, self.most)

    def _refuse_above(self, account_id: str, most: int) -> None:
        count = self._of[account_id]
        if self.most and count > most:
            having = f"The account has {count} calls in progress, and may have {self.most}"
            detail = f"{having}; wait until one is over."
            raise Refused("error_concurrent_call_limit_reached", detail)

    def _over(self, account_id: str) -> None:
        self._of[account_id] -= 1
        if not self._of[account_id]:
            del self._of[account_id]
