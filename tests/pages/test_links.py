"""Links between pages lead to pages, files and headings that are there."""

from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

from pages.reading import PAGES, ROOT, anchors, links, name


@cache
def anchors_of(page: Path) -> set[str]:
    return anchors(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    broken = []
    for link in links(text):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        there = target.exists() and target.is_relative_to(ROOT)
        if not there or (anchor and anchor not in anchors_of(target)):
            broken.append(link)
    assert not broken


def test_links_are_found() -> None:
    """There would be nothing to find wrong in a page that is not read."""
    assert sum(len(links(page.read_text(encoding="utf-8"))) for page in PAGES) > 300


def test_every_page_of_docs_is_in_the_list_of_its_directory() -> None:
    for directory in (ROOT / "docs", *(ROOT / "docs").glob("*/")):
        pages = {page.name for page in directory.glob("*.md")} - {"README.md"}
        lists = [
            readme
            for readme in (directory / "README.md", ROOT / "docs/README.md")
            if readme.exists()
        ]
        listed = {
            (readme.parent / link.partition("#")[0]).resolve()
            for readme in lists
            for link in links(readme.read_text(encoding="utf-8"))
        }
        assert not [page for page in pages if directory / page not in listed]
