"""Calls that are made together: their INVITEs leave in the order in which they were asked for.

Each has a turn. It comes when the INVITE of the call before has left, or never will: nobody waits for an
answer. A record that is on disk later, or a name that takes longer to be found, would let one overtake
another otherwise.
"""

from collections import deque
from collections.abc import Callable

Done = Callable[[], None]


class Turns:
    """The turns of some calls, in the order in which they are given out."""

    def __init__(self) -> None:
        self._left: deque[Turn] = deque()

    def another(self) -> "Turn":
        """The turn behind all others."""
        turn = Turn(self.go_on)
        self._left.append(turn)
        return turn

    def go_on(self) -> None:
        """Whoever is first by now has its turn."""
        while self._left and self._left[0].over:
            self._left.popleft()
        if self._left:
            self._left[0].come()


class Turn:
    """The turn of one call. ``over`` once its INVITE has left, or never will."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self.over = False
        self._on_change = on_change
        self._send: Callable[[Done], None] | None = None

    def take(self, send: Callable[[Done], None]) -> None:
        """Calls ``send`` when the turn has come; that calls what it is given when it is through."""
        self._send = send
        self._on_change()

    def pass_on(self) -> None:
        """The turn is over. Harmless when repeated."""
        if not self.over:
            self.over = True
            self._on_change()

    def come(self) -> None:
        """It is this one's turn; once."""
        send, self._send = self._send, None
        if send is not None:
            send(self.pass_on)
