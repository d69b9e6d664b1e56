"""What a soak came to: what was left behind, what grew, which calls failed. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.soak.memory import Slope

MOST_FAILED = 0.01
"""Of all calls: more says that something else was measured than what was meant."""
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Left:
    """What an idle server has that can be counted; a figure a name."""

    of_the_start: Mapping[str, float]
    """May be as many as there were before: processes, descriptors, tasks."""
    at_most: Mapping[str, float]
    """So many are kept for what comes next, however many there were before."""
    none: Mapping[str, float]
    """Has to be gone: calls, ports, rows."""
    files: frozenset[str]


def left_behind(before: Left, now: Left) -> list[str]:
    """A line for each thing that there is more of than before."""
    allowed = {
        name: max(before.of_the_start.get(name, 0), now.at_most.get(name, 0))
        for name in now.of_the_start
    }
    more = [
        f"{name}: {number:g}, before the calls {before.of_the_start.get(name, 0):g}"
        for name, number in now.of_the_start.items()
        if number > allowed[name]
    ]
    still = [f"{name}: {number:g}" for name, number in now.none.items() if number > 0]
    files = [f"file {name}" for name in sorted(now.files - before.files)]
    return [*still, *more, *files]


@dataclass(slots=True)
class Verdict:
    """All of it; `good` is what the process ends with."""

    minutes: float
    rate: float
    placed: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    """Calls by kind, both."""
    reasons: Sequence[str] = ()
    left: Sequence[str] = ()
    memory: Mapping[str, Slope | None] = field(default_factory=dict)
    """By role; None where there were too few samples."""
    judges_memory: bool = True
    """Whether it ran long enough for caches to fill up."""
    largest: Mapping[str, float] = field(default_factory=dict)
    """The largest of what was sampled."""

    @property
    def calls(self) -> int:
        """How many there were."""
        return self.placed.total()

    @property
    def grown(self) -> list[str]:
        """Roles whose memory grew beyond noise."""
        if not self.judges_memory:
            return []
        return [role for role, slope in self.memory.items() if slope is not None and slope.grows]

    @property
    def good(self) -> bool:
        """Whether nothing was left behind, nothing grew, and the calls were what they should be."""
        few = self.failed.total() <= MOST_FAILED * self.calls
        return not self.left and not self.grown and few and self.calls > 0


def told(verdict: Verdict) -> str:
    """For a person."""
    kinds = ", ".join(f"{name} {number}" for name, number in verdict.placed.most_common())
    lines = [
        f"{verdict.calls} calls in {verdict.minutes:g} minutes, the crowd {verdict.rate:.0f} a second",
        f"  of them {kinds}",
        f"  failed: {_listed(verdict.failed)}",
        *(f"    {reason.splitlines()[0]}" for reason in verdict.reasons),
        "  the most at a time: "
        + ", ".join(f"{name} {number:g}" for name, number in verdict.largest.items()),
        f"left behind: {'nothing' if not verdict.left else ''}",
        *(f"  {line}" for line in verdict.left),
        "memory that is no file's, MiB:",
        *_memory(verdict),
    ]
    return "\n".join([*lines, "good" if verdict.good else "NOT GOOD"])


def _listed(counted: Counter[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counted.most_common()) or "none"


def _memory(verdict: Verdict) -> list[str]:
    lines = []
    for role, slope in verdict.memory.items():
        if slope is None:
            lines.append(f"  {role:<11} too few samples")
            continue
        grows = ("GROWS" if verdict.judges_memory else "grows") if slope.grows else "flat"
        lines.append(
            f"  {role:<11} {slope.first / _MIB:8.2f} -> {slope.second / _MIB:8.2f}  "
            f"noise {slope.noise / _MIB:.2f}  {slope.an_hour / _MIB:+.1f} an hour  {grows}"
        )
    if not verdict.judges_memory:
        lines.append("  not judged: caches fill up for longer than this")
    return lines
