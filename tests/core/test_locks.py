"""What pyproject.toml asks for is pinned: a fresh clone installs the locks, and nothing else."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = {
    "requirements.lock": None,
    "requirements-dev.lock": "dev",
    "requirements-wheel.lock": "wheel",
}


def names(lines: list[str]) -> set[str]:
    """The packages that these lines are about, as the index spells them."""
    found = (re.match(r"[A-Za-z0-9][\w.-]*", line) for line in lines)
    return {re.sub(r"[-_.]+", "-", one[0]).lower() for one in found if one}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_dependency_is_pinned(lock: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extra = LOCKS[lock]
    wanted = project["dependencies"] + (project["optional-dependencies"][extra] if extra else [])
    pinned = names((ROOT / lock).read_text().splitlines()) | {project["name"]}
    missing = names(wanted) - pinned
    assert not missing, "make lock writes them"
