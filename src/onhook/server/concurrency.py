"""How many calls an account has at the same time, counted in legs.

A call that came in, or was made, is one; whom it is passed on to is one more, for as long as that leg is
tried or there. Calls that come in are counted and never refused: somebody is at the other end, and a
limit for their sake is the trunk's to have. So at the limit nothing is dialled until a leg is over.
The legs of this process only: two that serve one account have a limit each.
"""

from collections import Counter
from collections.abc import Callable


class Place:
    """The place of one leg. Giving it back twice is harmless."""

    def __init__(self, give_back: Callable[[], None]) -> None:
        self._give_back: Callable[[], None] | None = give_back

    def release(self) -> None:
        """The leg is over, or was never dialled."""
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            give_back()


class Legs:
    """The legs in progress of each account. ``most`` are dialled at the same time; 0 is no limit."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._in_progress: Counter[str] = Counter()

    def of(self, account_id: str) -> int:
        """How many the account has now."""
        return self._in_progress[account_id]

    def came_in(self, account_id: str) -> Place:
        """A call came in; it is counted, however many there are."""
        self._in_progress[account_id] += 1
        return Place(lambda: self._left(account_id))

    def dial(self, account_id: str) -> Place | None:
        """A place for a leg that is to be dialled; None if the account has its most."""
        if self.most and self._in_progress[account_id] >= self.most:
            return None
        return self.came_in(account_id)

    def _left(self, account_id: str) -> None:
        self._in_progress[account_id] -= 1
        if not self._in_progress[account_id]:
            del self._in_progress[account_id]
