"""A call as JSON can hold it, and the same call again, in another process. Pure.

``of`` and ``restored`` are total: over every state, every job, every work of ``onhook.call.works``. What a
value has of fields is read off its dataclass, so a field that a block gets later is in its snapshot; a field
of a type that nobody can write here, or a work without a name, is a TypeError at import.

Two things do not outlive a process, and are not in it: a block that is being prepared, whose call is as it
was before it was asked for, and a forced Hangup that is being prepared (``Call.forcing``). Nobody is left who
would say that they are ready.

What is neutral (None, False, an empty text) is left out. Everything else is written, also where it is the
default: a default may be another in the version that reads it. A field that is missing has the default of
the reader; one that the reader does not know makes the whole unreadable to it.
"""

import dataclasses
import enum
import json
import sys
import types
import typing
from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

from onhook import urls
from onhook.call.ending import Contact, End, Fields
from onhook.call.model import Call, Limits, State, later
from onhook.call.work import Job, Work
from onhook.call.works import (
    Gathering,
    HangingUp,
    Holding,
    Leaving,
    Meeting,
    Monitoring,
    Recording,
    Saying,
    SendingDigits,
    Transferring,
    Unholding,
)
from onhook.registry import complete
from onhook.urls import UrlRefused, WebUrl

VERSION: Final = 1
"""Goes up when what is written means something else than before."""

_WORKS_PART: Final = "onhook.call.works"
_VERSION: Final = "v"
_WORK: Final = "does"
"""In a work: its name."""


class SnapshotUnreadable(ValueError):
    """What was written as a call cannot be read as one; the message says what of it. It names no value."""


def of(call: Call) -> Mapping[str, object]:
    """The call, in what JSON can hold: to be read by :func:`restored`, in this process or another."""
    return {_VERSION: VERSION, **_CALL.write(at_rest(call))}


def restored(found: object) -> Call:
    """The call that was written like this. Raises :class:`SnapshotUnreadable`, whatever ``found`` is."""
    if not isinstance(found, Mapping):
        raise SnapshotUnreadable("a call is an object")
    if found.get(_VERSION) != VERSION:
        raise SnapshotUnreadable("the call was written by another version")
    call: Call = _CALL.read({name: found[name] for name in found if name != _VERSION})
    return call


def at_rest(call: Call) -> Call:
    """The call without what is being prepared: as it would be should each preparation fail now."""
    if call.state is State.PREPARING:
        return later(
            call, state=call.rest, job=None, forcing=None, due_at=call.held_due_at, held_due_at=None
        )
    return later(call, forcing=None) if call.forcing is not None else call


# Kinds of values -----------------------------------------------------------------------------------


class _Kind(typing.Protocol):
    """How values of one type are written, and read again."""

    def write(self, value: Any) -> Any:
        """In what JSON can hold."""

    def read(self, found: Any) -> Any:
        """Raises SnapshotUnreadable."""


class _Plain:
    """What JSON has of its own. Reading tells apart what JSON does, so true is no number."""

    def __init__(self, *wanted: type) -> None:
        self._wanted = wanted

    def write(self, value: Any) -> Any:
        return value

    def read(self, found: Any) -> Any:
        if type(found) not in self._wanted:
            raise SnapshotUnreadable(f"a value is no {self._wanted[-1].__name__}")
        return found


class _Word:
    """A member of an enumeration, by its value."""

    def __init__(self, members: type[enum.Enum]) -> None:
        self._members = members

    def write(self, value: Any) -> Any:
        return value.value

    def read(self, found: Any) -> Any:
        try:
            return self._members(found)
        except ValueError:
            raise SnapshotUnreadable(f"a value is no {self._members.__name__}") from None


class _Url:
    """A URL, as it was given."""

    def write(self, value: Any) -> Any:
        return value.text

    def read(self, found: Any) -> Any:
        try:
            return urls.parse(_TEXT.read(found))
        except UrlRefused as error:
            raise SnapshotUnreadable(f"a URL may not be called: {error.detail}") from None


class _Pairs:
    """Fields of a notification, or headers: names may occur twice."""

    def write(self, value: Any) -> Any:
        return [list(pair) for pair in value]

    def read(self, found: Any) -> Any:
        if not isinstance(found, list):
            raise SnapshotUnreadable("fields are a list of pairs")
        return tuple(self._pair(pair) for pair in found)

    def _pair(self, found: object) -> tuple[str, str]:
        match found:
            case [str(name), str(value)]:
                return name, value
        raise SnapshotUnreadable("fields are a list of pairs")


class _Maybe:
    """A value, or none."""

    def __init__(self, kind: _Kind) -> None:
        self.kind = kind

    def write(self, value: Any) -> Any:
        return None if value is None else self.kind.write(value)

    def read(self, found: Any) -> Any:
        return None if found is None else self.kind.read(found)


class _Shape:
    """A dataclass, as an object of its fields."""

    def __init__(self, of: type) -> None:
        hints = typing.get_type_hints(of)
        fields = dataclasses.fields(of)
        self._of = of
        self.names = [one.name for one in fields]
        self._kinds = {one.name: _kind(hints[one.name], of) for one in fields}
        self._needed = frozenset(one.name for one in fields if not _has_default(one))
        self._plan = [(one.name, *_when(one), _writer(self._kinds[one.name])) for one in fields]
        get: Callable[[Any], Any] = attrgetter(*self._kinds) if fields else lambda _: ()
        self._values = get if len(fields) != 1 else lambda value: (get(value),)

    def write(self, value: Any) -> dict[str, Any]:
        found = {}
        for (name, always, some, write), one in zip(self._plan, self._values(value), strict=True):
            if one or always or (some and one is not None):
                found[name] = one if write is None or one is None else write(one)
        return found

    def read(self, found: Any) -> Any:
        if not isinstance(found, Mapping):
            raise SnapshotUnreadable(f"{self._of.__name__} is an object")
        if not self._kinds.keys() >= found.keys():
            raise SnapshotUnreadable(f"{self._of.__name__} has a field that is not known here")
        if not self._needed <= found.keys():
            raise SnapshotUnreadable(f"{self._of.__name__} is without a field that it needs")
        return self._of(**{name: self._kinds[name].read(found[name]) for name in found})


class _Work:
    """The work of a block, with its name."""

    def write(self, value: Any) -> Any:
        return {_WORK: _NAMES[type(value)], **_WORKS[type(value)].write(value)}

    def read(self, found: Any) -> Any:
        if not isinstance(found, Mapping):
            raise SnapshotUnreadable("a work is an object")
        shape = _SHAPES.get(_TEXT.read(found.get(_WORK)))
        if shape is None:
            raise SnapshotUnreadable("a work is not known here")
        return shape.read({name: found[name] for name in found if name != _WORK})


class _Limits:
    """All of them, always, as one text of numbers, in their order: the calls of a server have the same, so it
    is made once. A limit that is added comes last."""

    def write(self, value: Any) -> Any:
        return _limits(value)

    def read(self, found: Any) -> Any:
        try:
            numbers = [json.loads(number) for number in _TEXT.read(found).split()]
            return _LIMITS.read(dict(zip(_LIMITS.names[: len(numbers)], numbers, strict=True)))
        except ValueError:
            raise SnapshotUnreadable("limits are numbers") from None


@lru_cache(maxsize=16)
def _limits(value: Limits) -> str:
    return " ".join(json.dumps(number) for number in _LIMITS.write(value).values())


def _writer(kind: _Kind) -> Callable[[Any], Any] | None:
    """What writes values of this kind; None for those that are written as they are."""
    plain = isinstance(kind, _Plain)
    if isinstance(kind, _Maybe):
        return _writer(kind.kind)  # of those that are not neutral
    return None if plain else kind.write


def _kind(hint: Any, where: type) -> _Kind:
    """What writes values of this type. Raises TypeError where there is nothing."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        [one] = [part for part in typing.get_args(hint) if part is not types.NoneType]
        return _Maybe(_kind(one, where))
    if hint == Fields:
        return _Pairs()
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _Word(hint)
    if hint in _KINDS:
        return _KINDS[hint]
    raise TypeError(f"{where.__name__} has a field that no snapshot can hold")


def works() -> list[type[Work]]:
    """The works that there are: all that modules of ``onhook.call.works`` define."""
    # A class with slots is made of one without, which may still be about.
    return [
        kind
        for kind in Work.__subclasses__()
        if kind.__module__.startswith(f"{_WORKS_PART}.")
        and getattr(sys.modules[kind.__module__], kind.__name__) is kind
    ]


def _has_default(field: "dataclasses.Field[Any]") -> bool:
    return (
        field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
    )


def _when(field: "dataclasses.Field[Any]") -> tuple[bool, bool]:
    """Whether the field is written whatever it is; else, whether it is unless it is None, and not only where
    it says something. What is left out is the default, where that is neutral."""
    default = field.default
    neutral = default in (None, "", ()) or default is False
    return not neutral, default is None


_TEXT: Final = _Plain(str)
_KINDS: Final[dict[Any, _Kind]] = {
    str: _TEXT,
    bool: _Plain(bool),
    int: _Plain(int),
    float: _Plain(int, float),
    WebUrl: _Url(),
    Work: _Work(),
    Limits: _Limits(),
}
_LIMITS: Final = _Shape(Limits)
_NAMES: Final[Mapping[type[Work], str]] = complete(
    "name in snapshots",
    works(),
    {
        Gathering: "gathering",
        HangingUp: "hanging_up",
        Holding: "holding",
        Leaving: "leaving",
        Meeting: "meeting",
        Monitoring: "monitoring",
        Recording: "recording",
        Saying: "saying",
        SendingDigits: "sending_digits",
        Transferring: "transferring",
        Unholding: "unholding",
    },
)
"""What a work is called there, whatever its class comes to be called."""
_WORKS: Final = {kind: _Shape(kind) for kind in _NAMES}
_SHAPES: Final = {_NAMES[kind]: shape for kind, shape in _WORKS.items()}
for _class in (Contact, End, Job):
    _KINDS[_class] = _Shape(_class)
_CALL: Final = _Shape(Call)
