"""The lists of the reference are those of the code."""

import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_lists_are_what_their_script_writes() -> None:
    written = runpy.run_path(str(ROOT / "scripts/reference_lists.py"))["pages"]()
    there = {
        path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs/lists").iterdir()
    }
    assert there == written, "run make docs"
