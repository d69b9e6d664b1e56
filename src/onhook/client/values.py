"""Values of Python as the texts of the API, and back. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from types import UnionType
from typing import Any, Final, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

from onhook.client.errors import NoReply

GMT_8: Final = timezone(timedelta(hours=8))
"""The zone of every date in the API."""

Value: TypeAlias = (
    "str | int | bool | datetime | list[str] | tuple[str, ...] | Mapping[str, str] | None"
)
"""What a parameter can be given. None is not sent; True is `enabled`, and False is not sent; a list is sent
with commas; a mapping is sent as one parameter for each SIP header; a time without a
zone is one of GMT+8."""

_DATE = "%Y-%m-%d %H:%M:%S"
_HEADER = "sip_header_"
T = TypeVar("T")


def written(params: Mapping[str, Value]) -> dict[str, str]:
    """The form of a request."""
    form: dict[str, str] = {}
    for name, value in params.items():
        match value:
            case None | False:
                continue
            case True:
                form[name] = "enabled"
            case datetime():
                local = value.astimezone(GMT_8) if value.tzinfo else value
                form[name] = local.strftime(_DATE)
            case list() | tuple():
                form[name] = ",".join(value)
            case Mapping():
                form.update({_HEADER + header: text for header, text in value.items()})
            case _:
                form[name] = str(value)
    return form


def read(kind: type[T], given: Mapping[str, Any]) -> T:
    """What came, as this dataclass; what it does not know is left out. Raises NoReply."""
    values: dict[str, Any] = {}
    shape: Any = kind
    try:
        for one in _attributes(shape):
            if one.name == "sip_headers":
                values[one.name] = _headers(given)
            elif one.wire in given:
                values[one.name] = one.read(given[one.wire])
        return kind(**values)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise NoReply(f"what came is no {kind.__name__}: {error}") from error


@dataclass(frozen=True, slots=True)
class _Attribute:
    name: str
    wire: str
    type: Any
    is_optional: bool

    def read(self, value: Any) -> Any:
        """Its value. Raises TypeError, ValueError or ArithmeticError."""
        if get_origin(self.type) is tuple:
            return tuple(_one(get_args(self.type)[0], element) for element in value)
        if value == "" and self.is_optional:
            return None
        return _one(self.type, value)


def _one(kind: Any, value: Any) -> Any:
    if kind is datetime:
        return datetime.strptime(value, _DATE).replace(tzinfo=GMT_8)
    if kind is date:
        return date.fromisoformat(value)
    if kind in (int, float, Decimal):
        return kind(value)
    return read(kind, value) if isinstance(kind, type) and kind is not str else str(value)


@cache
def _attributes(kind: type[Any]) -> tuple[_Attribute, ...]:
    hints = get_type_hints(kind)
    found = []
    for one in fields(kind):
        hint, is_optional = hints[one.name], False
        if isinstance(hint, UnionType):
            hint, is_optional = get_args(hint)[0], True
        found.append(_Attribute(one.name, one.name.rstrip("_"), hint, is_optional))
    return tuple(found)


def _headers(given: Mapping[str, Any]) -> Mapping[str, str]:
    return {
        name.removeprefix(_HEADER): str(text)
        for name, text in given.items()
        if name.startswith(_HEADER)
    }
