"""What has happened, for whoever wonders why an expectation failed."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Story:
    """What phones and the application did, in its order. ``now`` gives the seconds of calls."""

    now: Callable[[], float]
    _began_s: float = 0.0
    _entries: list[tuple[float, str, str]] = field(default_factory=list)

    def begins(self) -> None:
        """Anew."""
        self._began_s, self._entries = self.now(), []

    def tell(self, who: str, said: str) -> None:
        """Something happened."""
        self._entries.append((self.now() - self._began_s, who, said))

    def since(self, number: int) -> list[str]:
        """What has happened behind the first so many entries, a line each."""
        return [_line(*entry) for entry in self._entries[number:]]

    def __str__(self) -> str:
        if not self._entries:
            return "Nothing has happened."
        return "\n".join(["What has happened:", *self.since(0)])


def _line(at_s: float, who: str, said: str) -> str:
    return f"  {at_s:8.2f} s  {who:14}  {said}"
