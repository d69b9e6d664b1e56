"""The markup of a message: plain text, `<speech>` and `<url>` (API description, sections 8, 9).

    Welcome. <speech language="en" gender="female">Please hold.</speech><url>https://a.com/b.mp3</url>

Pure. A message is read in two steps, so that of several faults the one in the syntax is reported:
first into raw elements (`InvalidXml`), then each element in its order (the other leaves).
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html.entities import html5
from typing import Final
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from onhook.message import Fetch, Message, Part, Say
from onhook.speech.errors import InvalidUrl, InvalidXml, NothingToSay
from onhook.speech.voices import Catalogue

MAX_BYTES: Final = 64 * 1024
"""Largest message that is looked at, in UTF-8. (The API's own limit is 1000 characters.)"""

_ATTRIBUTES: Final = {"speech": frozenset({"language", "gender"}), "url": frozenset[str]()}
_BARE_AMPERSAND: Final = re.compile(r"&(?!(#\d+|#x[0-9A-Fa-f]+|amp|lt|gt|quot|apos);)")
_NAMED: Final = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,31};)")
_OF_XML: Final = frozenset({"amp;", "lt;", "gt;", "quot;", "apos;"})
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_BLANK_OR_BACKSLASH: Final = re.compile(r"[\s\\]")


def parse(msg: str, voices: Catalogue) -> Message:
    """Read `msg`. Raises a leaf of `MarkupError`, and nothing else.

    Punctuation on its own between two elements is not spoken and no error; a `<speech>` with
    nothing to say is one, because it is mostly a variable that was left empty.
    """
    parts = tuple(_parts(_elements(msg), voices))
    if not parts:
        raise NothingToSay
    return parts


def normalised(text: str) -> str:
    """`text` as voices get it: composed (Unicode NFC), every run of white space one blank."""
    return " ".join(unicodedata.normalize("NFC", text).split())


@dataclass(frozen=True, slots=True)
class _Element:
    """Loose text (`name` is empty), or a `<speech>` or `<url>` with its content."""

    name: str
    attributes: Mapping[str, str]
    text: str


class _Reader:
    """Target of the XML parser: keeps a list of elements instead of a tree, two levels deep."""

    def __init__(self) -> None:
        self.elements: list[_Element] = []
        self._open: list[str] = []
        self._attributes: Mapping[str, str] = {}
        self._text: list[str] = []

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if len(self._open) == 2:
            raise InvalidXml("A <speech> or <url> in msg may hold text only, no other element.")
        if self._open:
            self._check(tag, attributes)
            self._keep("", {})
        self._open.append(tag)
        self._attributes = attributes

    def data(self, text: str) -> None:
        self._text.append(text)

    def end(self, _tag: str) -> None:
        tag = self._open.pop()
        if self._open:
            self._keep(tag, self._attributes)
        else:
            self._keep("", {})

    def start_ns(self, _prefix: str, _uri: str) -> None:
        raise InvalidXml("There is a namespace (xmlns) in msg: its elements have none.")

    def pi(self, _target: str, _data: str | None = None) -> None:
        raise InvalidXml("There is a processing instruction (<?) in msg: only text and elements.")

    def close(self) -> list[_Element]:
        return self.elements

    def _keep(self, name: str, attributes: Mapping[str, str]) -> None:
        text = "".join(self._text)
        self._text.clear()
        if _CONTROL.search(text):  # written as a character reference, such as &#127;
            raise InvalidXml("There is a control character in msg.")
        if name or text:
            self.elements.append(_Element(name, attributes, text))

    @staticmethod
    def _check(tag: str, attributes: Mapping[str, str]) -> None:
        known = _ATTRIBUTES.get(tag)
        if known is None:
            raise InvalidXml("The only elements that msg may hold are <speech> and <url>.")
        if not known.issuperset(attributes):
            raise InvalidXml(
                "<speech> has the attributes language and gender, <url> has none; another stands "
                "in msg."
            )


def _elements(msg: str) -> list[_Element]:
    if len(msg) > MAX_BYTES or len(_encoded(msg)) > MAX_BYTES:
        raise InvalidXml(f"The markup of msg is longer than {MAX_BYTES // 1024} KB.")
    if _CONTROL.search(msg):
        raise InvalidXml("There is a control character in msg.")
    reader = _Reader()
    parser = DefusedXMLParser(target=reader, encoding="utf-8", forbid_dtd=True)
    try:
        parser.feed(_encoded(f"<message>{_escaped(msg)}</message>"))
        parser.close()
    except (ParseError, DefusedXmlException):
        raise InvalidXml from None
    return reader.elements


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidXml("There are characters in msg that are not Unicode text.") from None


def _escaped(msg: str) -> str:
    """`msg` as XML knows it: outside CDATA sections, characters that HTML names (`&eacute;`) by their
    numbers, and every bare `&` as `&amp;`."""
    head, *sections = msg.split("<![CDATA[")
    escaped = [_references(head)]
    for section in sections:
        literal, end, rest = section.partition("]]>")
        escaped += "<![CDATA[", literal, end, _references(rest)
    return "".join(escaped)


def _references(text: str) -> str:
    if "&" not in text:
        return text
    return _BARE_AMPERSAND.sub("&amp;", _NAMED.sub(_by_number, text))


def _by_number(found: "re.Match[str]") -> str:
    """What stands there as a name; as it is where nobody has that name, or XML knows it too."""
    characters = html5.get(found[1])
    if characters is None or found[1] in _OF_XML:
        return found[0]
    return "".join(f"&#{ord(character)};" for character in characters)


def _parts(elements: list[_Element], voices: Catalogue) -> Iterator[Part]:
    for element in elements:
        if element.name == "url":
            yield Fetch(_url(element.text.strip()))
        elif element.name or _speakable(element.text):
            yield _say(element, voices)


def _say(element: _Element, voices: Catalogue) -> Say:
    voice = voices.find(element.attributes.get("language"), element.attributes.get("gender"))
    if not _speakable(element.text):
        raise NothingToSay("A <speech> in msg has no letter and no digit that can be spoken.")
    return Say(normalised(element.text), voice.language, voice.gender)


def _speakable(text: str) -> bool:
    return any(character.isalnum() for character in text)


def _url(text: str) -> str:
    """`text` when it is a complete web address. The downloader reads it more strictly."""
    if _BLANK_OR_BACKSLASH.search(text):
        raise InvalidUrl("The address in a <url> of msg has a blank or a backslash in it.")
    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError:
        raise InvalidUrl from None
    if url.scheme not in ("http", "https") or not host or port == 0:
        raise InvalidUrl
    return text
