"""docs/adding-a-block.md names files that exist, and shows what stands in them."""

import re
from pathlib import Path

import pytest

from onhook.blocks.gather import GatherRequest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/adding-a-block.md").read_text(encoding="utf-8")
FILES = sorted(set(re.findall(r"`((?!src/)[a-z_]+/[a-z_/-]*(?:\.py|\.md|/))`", TEXT)))


@pytest.mark.parametrize("name", FILES)
def test_every_file_that_it_names_is_there(name: str) -> None:
    below = "" if name.startswith(("tests/", "scripts/", "docs/")) else "src/onhook/"
    assert (ROOT / below / name).exists()


def test_the_request_of_its_example_has_these_attributes() -> None:
    [shown] = re.findall(r"class GatherRequest\(SessionRequest\):\n((?:    .*\n)+)", TEXT)
    own = {name: kind.__name__ for name, kind in GatherRequest.__annotations__.items()}
    assert dict(line.strip().split(": ") for line in shown.splitlines()) == own
