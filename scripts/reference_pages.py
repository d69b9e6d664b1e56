"""Writes docs/reference: a page for every request and notice, and one of what holds for all of them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from onhook.api import reference
from onhook.api.reference import Asked, markdown
from onhook.blocks import BLOCKS, ENDPOINTS, NOTICES, Block, Endpoint, Field, Notice

DIRECTORY = Path(__file__).resolve().parent.parent / "docs" / "reference"

WRITTEN = """\
<!-- Written by scripts/reference_pages.py from the declarations in onhook.blocks; run it again after
a change there. -->
"""


def pages() -> dict[str, str]:
    """Every page by its file name, as it has to stand in docs/reference."""
    requests: tuple[Asked, ...] = (*BLOCKS, *ENDPOINTS)
    return {
        "README.md": _text(_index()),
        **{f"{asked.slug}.md": _text(_asked(asked)) for asked in requests},
        **{f"{notice.slug}.md": _text(_notice(notice)) for notice in NOTICES},
    }


def main() -> None:
    """Writes the pages and removes those of blocks that are no more."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    wanted = pages()
    for stale in DIRECTORY.glob("*.md"):
        if stale.name not in wanted:
            stale.unlink()
    for name, text in wanted.items():
        (DIRECTORY / name).write_text(text, encoding="utf-8")


# Pages --------------------------------------------------------------------------------------------


def _index() -> list[str]:
    everything: tuple[Asked | Notice, ...] = (*BLOCKS, *NOTICES, *ENDPOINTS)
    return [
        "# The API",
        WRITTEN,
        "The same reference is served at `/docs`, and for programs as OpenAPI 3.1 at `/openapi.json`.",
        *_table("name | what it is", ((_link(one), markdown(one.summary)) for one in everything)),
        "## Requests",
        *map(markdown, reference.TRANSPORT),
        "## Messages",
        *map(markdown, reference.MESSAGES),
        "## Notifications",
        *map(markdown, reference.DELIVERY),
        *_table(
            "header | what it holds",
            ((f"`{name}`", markdown(doc)) for name, doc in reference.SIGNATURES.items()),
        ),
    ]


def _asked(asked: Asked) -> list[str]:
    return [
        f"# {asked.slug}",
        WRITTEN,
        markdown(asked.summary),
        f"    GET | POST /open/{asked.path}",
        markdown(asked.doc),
        *(["\n".join(f"- {markdown(note)}" for note in asked.notes)] if asked.notes else []),
        "What holds for every request, message and notification is told in [The API](README.md).",
        "## Parameters",
        *_table(
            "parameter | limits | what it means",
            (
                (f"`{param.name}`", reference.limits(param), markdown(param.doc))
                for param in reference.params(asked)
            ),
        ),
        "## Example",
        f"```sh\n{reference.curl(asked)}\n```",
        "## Statuses",
        "In the order in which they are evaluated: the first one that applies is the answer. The "
        "sentence is that of `detail`, with likely numbers.",
        *_table(
            "status | detail",
            ((f"`{r.status}`", markdown(r.sentence)) for r in reference.replies(asked)),
        ),
        *(_replied(asked) if isinstance(asked, Block) else _answer(asked)),
    ]


def _notice(notice: Notice) -> list[str]:
    return [
        f"# {notice.slug}",
        WRITTEN,
        markdown(notice.summary),
        markdown(notice.doc),
        "What holds for every notification is told in [The API](README.md).",
        *_notification(notice),
    ]


def _notification(told: Block | Notice) -> list[str]:
    return ["## Notification", *_fields(told.fields)]


def _replied(block: Block) -> list[str]:
    reply = ["## Reply", "Beside the status:", *_fields(block.reply)] if block.reply else []
    return [*reply, *(_notification(block) if block.fields else [])]


def _answer(endpoint: Endpoint) -> list[str]:
    parts: list[str] = []
    if endpoint.fields:
        parts += ["## Reply", "Beside the status:", *_fields(endpoint.all_fields)]
    if endpoint.entry:
        parts += ["## Entries", "Each element of the list `entries` in the reply:"]
        parts += _fields(endpoint.all_entry)
    return parts


def _fields(fields: Iterable[Field]) -> list[str]:
    return _table(
        "field | sent | what it means",
        ((f"`{field.name}`", field.when, markdown(field.doc)) for field in fields),
    )


# Pieces -------------------------------------------------------------------------------------------


def _link(one: Asked | Notice) -> str:
    return f"[{one.slug}]({one.slug}.md)"


def _table(head: str, rows: Iterable[Sequence[str]]) -> list[str]:
    """A table as one paragraph; ``head`` names its columns, separated by bars."""
    bars = "|---" * (head.count("|") + 1) + "|"
    lines = (" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows)
    return ["\n".join([f"| {head} |", bars, *(f"| {line} |" for line in lines)])]


def _text(paragraphs: Iterable[str]) -> str:
    return "\n\n".join(paragraph.strip("\n") for paragraph in paragraphs) + "\n"


if __name__ == "__main__":
    main()
