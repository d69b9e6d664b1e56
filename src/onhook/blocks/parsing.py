"""From the parameters of an HTTP request to a typed request, rule by rule in declared order."""

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from onhook import numbers, urls
from onhook.blocks import destination as dests
from onhook.blocks import sip_headers, statuses
from onhook.blocks.declaration import Block
from onhook.blocks.destination import (
    MEMBERS_MAX,
    PRIVATE,
    CallerId,
    Destination,
    PhoneDestination,
    RoomDestination,
)
from onhook.blocks.endpoint import Endpoint
from onhook.blocks.params import TYPES, Kind, Param, syntax_statuses
from onhook.blocks.rejection import read_rejection
from onhook.blocks.request import BlockRequest, Refused
from onhook.message import Message
from onhook.numbers import E164
from onhook.registry import complete
from onhook.urls import UrlRefused, WebUrl

ReadMessage: TypeAlias = Callable[[str], Message]
"""Reads ``msg``, which takes somebody who knows the voices: quick, touches nothing outside, and raises
:class:`Refused`."""

_CREDENTIAL, _MESSAGE = Kind.CREDENTIAL, Kind.MESSAGE
_AROUND = "\ufeff\u200b"  # a byte order mark, a blank of no width: `str.strip` leaves them


def trimmed(declared: Block | Endpoint, given: Mapping[str, str]) -> Mapping[str, str]:
    """`given` without blanks and line ends around what is copied or read from a file: ids, tokens,
    sessions. None of them has any of its own."""
    return {
        name: text.strip().strip(_AROUND).strip() if name in declared.pasted else text
        for name, text in given.items()
    }


def check_present(declared: Block | Endpoint, given: Mapping[str, str]) -> None:
    """Refuses the first required parameter, in declared order, that is absent or empty."""
    for param in declared.params:
        if param.required and not given.get(param.name):
            raise Refused(f"error_{param.name}_param_missing")


def parse(block: Block, given: Mapping[str, str], read_message: ReadMessage) -> BlockRequest:
    """Reads every declared parameter in declared order; the first that is wrong refuses the request.

    Returns the block's own request. Unknown parameters are ignored; one that is absent or empty has its
    declared default (reference, section 1). The required ones are there: ``check_present`` comes first.
    """
    values = dict(block.defaults)
    for param in block.params:
        if param.is_family:
            values[param.attribute] = sip_headers.read(given)
            continue
        text = given.get(param.name)
        if not text or param.kind is _CREDENTIAL:
            continue
        if param.not_with and given.get(param.not_with):
            raise Refused(syntax_statuses(param)[0])
        values[param.attribute] = (
            _message(param, text, read_message)
            if param.kind is _MESSAGE
            else _READERS[param.kind](param, text)
        )
    return block.request(**values)  # type: ignore[arg-type]  # as `check_request` saw to


def _message(param: Param, text: str, read_message: ReadMessage) -> Message:
    _check_length(param, text, "error_msg_invalid_length")
    return read_message(text)


def _text(param: Param, text: str) -> str:
    return text


def _tag(param: Param, text: str) -> str:
    _check_length(param, text, "error_tag_invalid_length")
    return text


def _notify_url(param: Param, text: str) -> WebUrl:
    if param.max_length is not None and len(text) > param.max_length:
        raise Refused("error_invalid_notify_url")
    try:
        return urls.parse(text)
    except UrlRefused as error:
        detail = f"notify_url cannot be used: {error.detail}."
        raise Refused("error_invalid_notify_url", detail) from error


def _switch(param: Param, text: str) -> bool:
    return text == "enabled"


def _check_length(param: Param, text: str, status: str) -> None:
    if param.max_length is not None and len(text) > param.max_length:
        raise Refused(status, statuses.detail(status, len(text), param.max_length))


def _whole(param: Param, text: str) -> int:
    """Digits only: ``int`` would take blanks, signs, underscores and the digits of every script."""
    if (
        text.isascii()
        and text.isdigit()
        and len(text) < 10
        and param.low <= int(text) <= param.high
    ):
        return int(text)
    raise Refused(syntax_statuses(param)[0])


def _choice(param: Param, text: str) -> str:
    if text not in param.values:
        raise Refused(syntax_statuses(param)[0])
    return text


def _pattern(param: Param, text: str) -> str:
    if not re.fullmatch(param.pattern, text):
        raise Refused(syntax_statuses(param)[0])
    return text


def _rejection(param: Param, text: str) -> int:
    return read_rejection(text)


def _callee(param: Param, text: str) -> E164:
    number = numbers.dialable(text)
    if number is None:
        raise Refused(syntax_statuses(param)[0])
    return number


def _callees(param: Param, text: str) -> tuple[E164, ...]:
    found = [_callee(param, _apart(part)) for part in text.split(",") if part.strip()]
    if not 0 < len(found) <= MEMBERS_MAX or len(set(found)) < len(found):
        raise Refused(syntax_statuses(param)[0], f"dest has 1 to {MEMBERS_MAX} different numbers.")
    return tuple(found)


def _apart(part: str) -> str:
    """One number of a list; a blank before it is a blank if a ``+`` follows, else a ``+``."""
    return part.strip() if "+" in part else part.rstrip()


def _caller_id(param: Param, text: str) -> CallerId:
    """What is a number at all; whose it is, the account knows."""
    if text.strip().lower() == PRIVATE:
        return PRIVATE
    return numbers.dialable(f"+{text.lstrip()}") or _callee(param, text)


def _destination(param: Param, text: str) -> Destination:
    name = dests.split_room(text)
    if name is not None:
        return RoomDestination(_named(name))
    found = dests.split_digits(text)
    if found is None:
        raise Refused("error_dest_invalid")
    return PhoneDestination(_callee(param, found[0]), found[1])


def _room(param: Param, text: str) -> str:
    name = dests.split_room(text)
    return _named(text if name is None else name)


def _named(room: str) -> str:
    if not dests.is_room(room):
        raise Refused("error_invalid_room")
    return room


_READERS: Mapping[Kind, Callable[[Param, str], object]] = complete(
    "reader",
    {*TYPES, Kind.CHOICE} - {Kind.MESSAGE, Kind.SIP_HEADERS},
    {
        Kind.SESSION: _text,
        Kind.TXN_REF: _text,
        Kind.TAG: _tag,
        Kind.NOTIFY_URL: _notify_url,
        Kind.SWITCH: _switch,
        Kind.WHOLE: _whole,
        Kind.CHOICE: _choice,
        Kind.PATTERN: _pattern,
        Kind.CALLEE: _callee,
        Kind.CALLEES: _callees,
        Kind.DESTINATION: _destination,
        Kind.CALLER_ID: _caller_id,
        Kind.ROOM: _room,
        Kind.REJECTION: _rejection,
    },
)
"""Each reads a value that is there, or raises :class:`Refused`; a message is read by who knows the voices,
and headers by their names."""
