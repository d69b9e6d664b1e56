"""What a call with a softphone came to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one call."""

    softphone: str
    role: str
    digits: str = ""
    """The keys that the far side understood."""
    understood_s: float = 0.0
    """How much of the softphone's tone the far side heard."""
    heard_s: float = 0.0
    """How much the softphone heard: voiced speech, or the other caller's tone."""
    ended_by: str = "nobody"
    wanted: frozenset[str] = frozenset()
    """What was to happen beside."""
    happened: frozenset[str] = frozenset()

    @property
    def good(self) -> bool:
        """Whether both sides understood one another."""
        hanging_up = "caller" if self.role == "joined" else "application"
        heard = self.understood_s > 1.0 and self.heard_s > 1.0
        understood = heard and self.digits == "5" and self.ended_by == hanging_up
        return understood and self.happened >= self.wanted

    def __str__(self) -> str:
        return (
            f"{self.softphone:8} as {self.role}: {'good' if self.good else 'BAD '}  it heard "
            f"{self.heard_s:.1f} s; of its tone {self.understood_s:.1f} s were heard, and the key "
            f"{self.digits or 'none'}; hung up by the {self.ended_by}{self._beside()}"
        )

    def _beside(self) -> str:
        return "".join(
            f"; {what}" if what in self.happened else f"; not {what}"
            for what in sorted(self.wanted)
        )
