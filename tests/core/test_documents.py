"""What ARCHITECTURE.md and the glossary name is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "onhook"
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (?!term )(.+?) \| (.+) \| `(.+)` \|$", GLOSSARY, re.MULTILINE)


@pytest.mark.parametrize(("terms", "meaning", "module"), ROWS)
def test_a_term_is_where_the_glossary_says(terms: str, meaning: str, module: str) -> None:
    text = (SOURCE / module).read_text(encoding="utf-8")

    for name in re.findall(r"`([A-Z]\w+)`", terms):
        assert re.search(rf"^(class |def )?{name}\b", text, re.MULTILINE), f"{name} is not there"


def test_every_row_of_the_glossary_was_read() -> None:
    lines = [line for line in GLOSSARY.splitlines() if line.startswith("| ")]
    assert len(ROWS) == len([line for line in lines if not line.startswith("| term ")]) > 100


def test_architecture_names_modules_that_are_there() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:[\w-]+/)*[\w-]+\.(?:py|c|h))`", text)

    files = [f"/{path.relative_to(ROOT)}" for path in SOURCE.rglob("*.*")]
    files += [f"/{path.relative_to(ROOT)}" for path in ROOT.glob("*/*.*")]
    assert len(named) > 50
    assert not [name for name in named if not any(file.endswith(f"/{name}") for file in files)]
