"""Up to which event a plane may forget what it has told: all is on disk that came of it."""

from collections.abc import Callable


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

    def on_disk(self, number: int) -> None:
        """So is what came of all events up to this one."""
        self._on_disk = max(self._on_disk, number)
        self._acknowledge(min((self._on_disk, *(each - 1 for each in self._held))))

    def hold(self, number: int) -> Callable[[], None]:
        """Of this event, which is being told, there is nothing yet that could be on disk: until the function
        that is returned is called, it and all behind it are told again to the next switch."""
        plane = self._planes
        self._held.add(number)

        def let_go() -> None:
            if plane == self._planes and number in self._held:
                self._held.remove(number)
                self.on_disk(self._on_disk)

        return let_go
