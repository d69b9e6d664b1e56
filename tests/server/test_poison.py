"""At whose event a switch died, and when that is enough."""

import mmap
import signal

from onhook import at_hand
from onhook.server.supervisor.poison import Poison


class Deaths:
    """Of switches, at the events of sessions."""

    def __init__(self) -> None:
        self.poison = Poison()
        self._place = mmap.mmap(self.poison.descriptor, at_hand.BYTES)

    def at(self, session: str | None, status: int, *, kind: int = 5, hung: bool = False) -> None:
        whose = at_hand.NOBODY if session is None else at_hand.number(session) + kind
        self._place[:] = whose.to_bytes(at_hand.BYTES, "little")
        self.poison.died(status, hung=hung)

    @property
    def suspects(self) -> dict[int, int]:
        return dict(self.poison.suspects)


def test_a_second_death_by_itself_is_enough_whatever_came_between() -> None:
    deaths = Deaths()
    deaths.at("one", -signal.SIGSEGV)
    deaths.at("other", 1)
    deaths.at(None, -signal.SIGABRT)
    deaths.at(None, -signal.SIGABRT)
    assert not deaths.suspects
    deaths.at("one", 1, kind=9)
    assert deaths.suspects == {at_hand.number("one"): 9}
    deaths.at("other", -signal.SIGKILL, hung=True)
    assert deaths.suspects.keys() == {at_hand.number("one"), at_hand.number("other")}


def test_kills_are_enough_only_in_a_row() -> None:
    deaths = Deaths()
    for whose in ("one", "one", None, "one", "one"):
        deaths.at(whose, -signal.SIGKILL)
        assert not deaths.suspects
    deaths.at("one", -signal.SIGKILL)
    assert deaths.suspects == {at_hand.number("one"): 5}


def test_what_was_at_hand_of_one_that_died_is_not_at_hand_of_the_next() -> None:
    deaths = Deaths()
    deaths.at("one", 1)
    deaths.poison.died(1, hung=False)
    assert not deaths.suspects
