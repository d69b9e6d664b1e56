"""Columns whose text is JSON: the only place where values become JSON on their way to the disk, and back.

Records hold values; of each kind one column type writes and reads the text, on SQLite and PostgreSQL alike.
What cannot be read is not worth an error to whoever lists or bills a call: it is read as nothing said.
"""

import json
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from sqlalchemy import Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from onhook import urls
from onhook.call import Contact, Fields
from onhook.store.records import (
    NO_DIALOGS,
    NOT_GOING_ON,
    NotificationContext,
    StoredDialogs,
    StoredGoingOn,
)
from onhook.urls import StoredUrl, UrlRefused

Value = TypeVar("Value")


class JsonColumn(TypeDecorator[Value], Generic[Value]):
    """A column of text that holds a value. ``text`` is what is written, whoever makes the statement."""

    impl = Text
    cache_ok = True

    def text(self, value: Value) -> str:
        """The value as it is stored."""
        raise NotImplementedError

    def value(self, text: str) -> Value:
        """The reverse; for any text."""
        raise NotImplementedError

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        """SQLAlchemy: on its way into a statement."""
        return self.text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Value:
        """SQLAlchemy: out of a row."""
        return self.value(value)


class UrlColumn(JsonColumn[StoredUrl]):
    """A URL as it was given."""

    cache_ok = True

    def text(self, value: StoredUrl) -> str:
        """As it was given."""
        return value.text

    def value(self, text: str) -> StoredUrl:
        """Usable or not."""
        return urls.stored(text)


class JsonObject(JsonColumn[Mapping[str, Any]]):
    """An object of whatever JSON can hold, in its order."""

    cache_ok = True

    def text(self, value: Mapping[str, Any]) -> str:
        """Characters beyond ASCII stay as they are."""
        return json.dumps(value, ensure_ascii=False)

    def value(self, text: str) -> Mapping[str, Any]:
        """Empty, where it cannot be read."""
        return _object(text)


class WordsColumn(JsonColumn[tuple[str, ...]]):
    """Some words; an empty text for none."""

    cache_ok = True

    def text(self, value: tuple[str, ...]) -> str:
        """A list."""
        return json.dumps(value, ensure_ascii=False) if value else ""

    def value(self, text: str) -> tuple[str, ...]:
        """None, where it cannot be read."""
        return tuple(str(word) for word in _list(text))


class PairsColumn(JsonColumn[tuple[tuple[str, str], ...]]):
    """Names with values, each perhaps several times; an empty text for none."""

    cache_ok = True

    def text(self, value: tuple[tuple[str, str], ...]) -> str:
        """A list of lists."""
        return json.dumps(value, ensure_ascii=False) if value else ""

    def value(self, text: str) -> tuple[tuple[str, str], ...]:
        """Those that can be read."""
        pairs = [one for one in _list(text) if isinstance(one, list) and len(one) == 2]
        return tuple((str(name), str(value)) for name, value in pairs)


class ContextColumn(JsonColumn[NotificationContext]):
    """A :class:`NotificationContext`; an empty text if it says nothing. Its text is made once."""

    cache_ok = True

    def text(self, value: NotificationContext) -> str:
        """Only what is said; what was made before, if it was."""
        return value.text_made_by(_context_text)

    def value(self, text: str) -> NotificationContext:
        """Nothing said, where it cannot be read."""
        found = _object(text)
        if not found:
            return NOTHING_SAID
        return NotificationContext(
            _fields(found.get("always")),
            _fields(found.get("fields")),
            _contact(found.get("monitor")),
            str(found.get("received_s", "")),
            str(found.get("format", "")),
            str(found.get("sip_reason", "")),
            str(found.get("srtp", "")),
            _fields(found.get("parting")),
            _fields(found.get("media")),
            _fields(found.get("peer_media")),
            found.get("tells_media") is True,
            str(found.get("trunk", "")),
            found.get("tells_why") is True,
            str(found.get("operator", "")),
        )


class DialogsColumn(JsonColumn[StoredDialogs]):
    """:class:`StoredDialogs`; an empty text once nothing is left, which the index of open ones relies on.

    Most writes of a call repeat the dialogs of the one before: their text is made once.
    """

    cache_ok = True

    def text(self, value: StoredDialogs) -> str:
        """What was made before, if it was."""
        return value.text_made_by(_dialogs_text)

    def value(self, text: str) -> StoredDialogs:
        """Also of what earlier versions wrote; what cannot be read stays something left to be ended."""
        if not text:
            return NO_DIALOGS
        found = _object(text)
        match found:
            case {"dialogs": [*several]}:
                return StoredDialogs(tuple(several))
            case _:
                return StoredDialogs((found or {"unreadable": text},))


class GoingOnColumn(JsonColumn[StoredGoingOn]):
    """:class:`StoredGoingOn`; an empty text if the call does not go on. Its text is made once."""

    cache_ok = True

    def text(self, value: StoredGoingOn) -> str:
        """What was made before, if it was."""
        return "" if value is NOT_GOING_ON else value.text_made_by(_going_on_text)

    def value(self, text: str) -> StoredGoingOn:
        """Nothing to go on by, where it cannot be read."""
        found = _object(text) if text else None
        return StoredGoingOn.of(found) if found else NOT_GOING_ON


NOTHING_SAID = NotificationContext()


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _list(text: str) -> list[Any]:
    try:
        found = json.loads(text or "[]")
    except ValueError:
        return []
    return found if isinstance(found, list) else []


def _fields(found: object) -> Fields:
    return tuple(found.items()) if isinstance(found, dict) else ()


def _contact(found: object) -> Contact | None:
    match found:
        case [str(block), str(url), str(tag), dict(fields)]:
            return _contact_at(url, block, tag, tuple(fields.items()))
    return None


def _contact_at(url: str, block: str, tag: str, fields: Fields) -> Contact | None:
    try:
        return Contact(block, urls.parse(url), tag, fields)
    except UrlRefused:
        return None


def _context_text(value: NotificationContext) -> str:
    found: dict[str, object] = {}
    if value.always:
        found["always"] = dict(value.always)
    if value.fields:
        found["fields"] = dict(value.fields)
    if value.monitor is not None:
        told = value.monitor
        found["monitor"] = [told.block, told.url.text, told.tag, dict(told.fields)]
    if value.received_s:
        found["received_s"] = value.received_s
    if value.format:
        found["format"] = value.format
    if value.sip_reason:
        found["sip_reason"] = value.sip_reason
    if value.srtp:
        found["srtp"] = value.srtp
    if value.parting:
        found["parting"] = dict(value.parting)
    if value.media:
        found["media"] = dict(value.media)
    if value.peer_media:
        found["peer_media"] = dict(value.peer_media)
    if value.tells_media:
        found["tells_media"] = True
    if value.tells_why:
        found["tells_why"] = True
    if value.trunk:
        found["trunk"] = value.trunk
    if value.operator:
        found["operator"] = value.operator
    return json.dumps(found, ensure_ascii=False) if found else ""


def _dialogs_text(dialogs: StoredDialogs) -> str:
    return json.dumps({"dialogs": dialogs.several}) if dialogs.left else ""


def _going_on_text(value: StoredGoingOn) -> str:
    values = value.values
    return _compact(values) if values else ""


_compact = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
"""Of what is written with each change of a call: what is looked for in vain is not looked for."""
