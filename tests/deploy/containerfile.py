"""Reads deploy/Containerfile as far as its tests ask: instructions in order, and what the build is given."""

import fnmatch
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


@dataclass(frozen=True)
class Instruction:
    """`RUN`, `COPY` …, and the rest of its line; lines that go on are joined."""

    name: str
    rest: str

    @property
    def flags(self) -> dict[str, str]:
        """`--from=…` and the like, without their dashes."""
        words = [word for word in self.rest.split() if word.startswith("--")]
        return dict(word.removeprefix("--").split("=", 1) for word in words)

    @property
    def arguments(self) -> list[str]:
        """The words that are no flags."""
        return [word for word in shlex.split(self.rest) if not word.startswith("--")]


def instructions(path: Path = DEPLOY / "Containerfile") -> list[Instruction]:
    """All of the file, in order."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    parts = [line.partition(" ") for line in joined.splitlines() if line.strip()]
    return [Instruction(name, rest.strip()) for name, _, rest in parts]


def last_stage() -> list[Instruction]:
    """What makes the image that is kept."""
    every = instructions()
    begins = max(i for i, each in enumerate(every) if each.name == "FROM")
    return every[begins:]


def is_sent(path: str) -> bool:
    """Whether .dockerignore lets a path into the build; the last line that fits counts."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text().split("\n"):
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!")
        parts = path.split("/")
        above = ["/".join(parts[: i + 1]) for i in range(len(parts))]
        if any(fnmatch.fnmatchcase(each, pattern) for each in above):
            sent = line.startswith("!")
    return sent
