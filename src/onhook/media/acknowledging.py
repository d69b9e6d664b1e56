"""Up to which event a plane may forget what it has told: all is on disk that came of it."""

from collections.abc import Callable
from functools import partial


class Acknowledging:
    """Events of one plane after another, by their numbers; ``acknowledge`` tells the plane of one up to which
    it may forget them."""

    def __init__(self, acknowledge: Callable[[int], None]) -> None:
        self._acknowledge = acknowledge
        self._on_disk = 0
        self._held: set[int] = set()
        self._planes = 0

    def begin(self) -> None:
        """There is another plane."""
        self._on_disk = 0
        self._held.clear()
        self._planes += 1

    def taken(self, number: int) -> Callable[[], None]:
        """All events up to this one were told: the function that is returned is to be called when what came
        of them is on disk."""
        return partial(self._of_plane, self._planes, self._is_on_disk, number)

    def hold(self, number: int) -> Callable[[], None]:
        """Of this event, which is being told, there is nothing yet that could be on disk: until the function
        that is returned is called, it and all behind it are told again to the next switch."""
        self._held.add(number)
        return partial(self._of_plane, self._planes, self._let_go, number)

    def _of_plane(self, plane: int, then: Callable[[int], None], number: int) -> None:
        """Numbers of one that is gone are nothing to the next."""
        if plane == self._planes:
            then(number)

    def _is_on_disk(self, number: int) -> None:
        self._on_disk = max(self._on_disk, number)
        self._acknowledge(min(self._on_disk, min(self._held) - 1) if self._held else self._on_disk)

    def _let_go(self, number: int) -> None:
        if number in self._held:
            self._held.remove(number)
            self._is_on_disk(self._on_disk)
