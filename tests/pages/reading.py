"""The pages that people read, and what a test wants of their Markdown."""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("examples/**/*.md"),
        *ROOT.glob("bench/*.md"),
    ]
)
_FENCE: Final = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE: Final = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_HEADING: Final = re.compile(r"^#{1,6} (.+?)\s*$", re.MULTILINE)
_LINK: Final = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_INDENTED: Final = re.compile(r"(?:(?<=\n\n)|\A)(?:(?: {4}.*)?\n)*(?: {4}.*\n?)")


def name(page: Path) -> str:
    """How a page is called in what a test says."""
    return page.relative_to(ROOT).as_posix()


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language, in their order."""
    return [body for kind, body in _FENCE.findall(text) if kind == language]


def fences(text: str) -> list[tuple[str, str]]:
    """All fenced blocks, each with its language, which may be empty."""
    return _FENCE.findall(text)


def indented(text: str) -> list[str]:
    """The blocks of four blanks, without these."""
    found = _INDENTED.findall(_FENCE.sub("", text))
    return [textwrap.dedent(each).strip("\n") + "\n" for each in found if each.strip()]


def prose(text: str) -> str:
    """What is neither in a fenced block nor in one of four blanks."""
    return _INDENTED.sub("\n", _FENCE.sub("", text))


def links(text: str) -> list[str]:
    """Where the links of a page lead to."""
    return _LINK.findall(_CODE.sub("", prose(text)))


def anchors(text: str) -> set[str]:
    """The names of the headings of a page, as forges make them."""
    found: set[str] = set()
    for heading in _HEADING.findall(_FENCE.sub("", text)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        again = [f"{slug}-{number}" for number in range(1, 9)]
        found.add(next(one for one in (slug, *again) if one not in found))
    return found


def spoken(text: str) -> Iterator[str]:
    """The lines of blocks for a shell, and the code in the middle of sentences and tables."""
    fenced = [body for kind, body in _FENCE.findall(text) if kind in ("", "sh", "yaml")]
    rest = _FENCE.sub("", text)
    indented = _INDENTED.findall(rest)
    for block in (*fenced, *indented):
        yield from (line.strip() for line in block.replace("\\\n", " ").splitlines())
    for _, code in _CODE.findall(_INDENTED.sub("\n", rest)):
        yield " ".join(code.split())
