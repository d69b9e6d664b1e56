"""Pieces of HTML. Whatever is put between tags is escaped unless it is HTML already."""

import html
from collections.abc import Iterable
from typing import Final

from onhook.api import reference

_VOID: Final = {"meta", "input"}


class Html(str):
    """Text that is HTML already, to be put between tags as it is."""

    __slots__ = ()


def tag(element: str, /, *content: str, **attributes: str) -> Html:
    """An element. In the name of an attribute a leading underscore goes, another is a hyphen."""
    given = "".join(
        f' {key.removeprefix("_").replace("_", "-")}="{html.escape(value)}"'
        for key, value in attributes.items()
    )
    if element in _VOID:
        return Html(f"<{element}{given}>")
    inside = "".join(
        part if isinstance(part, Html) else html.escape(part, quote=False) for part in content
    )
    return Html(f"<{element}{given}>{inside}</{element}>")


def paragraph(text: str) -> Html:
    """A paragraph in which the names of the API are set as code."""
    return tag("p", *inline(text))


def bullets(texts: Iterable[str]) -> Html:
    """An unordered list; what stands in backquotes is code."""
    return tag("ul", *(tag("li", *inline(text)) for text in texts))


def terms(entries: Iterable[tuple[str, str, str]]) -> Html:
    """A list of names, each with a remark (or none) and what it means."""
    return tag("dl", *(_term(*entry) for entry in entries))


def _term(name: str, remark: str, text: str) -> Html:
    remarks = [tag("span", f" {remark}")] if remark else []
    return tag("div", tag("dt", tag("code", name), *remarks), tag("dd", *inline(text)))


def inline(text: str) -> list[str]:
    """A sentence in parts; the names of the API are set as code."""
    return [tag("code", part) if code else part for code, part in reference.spans(text)]
