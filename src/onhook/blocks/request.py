"""From the parameters of an HTTP request to a checked request, rule by rule in declared order."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from onhook.blocks import destination as dests
from onhook.blocks import statuses
from onhook.blocks.declaration import Block, Kind, Param, syntax_statuses
from onhook.blocks.destination import MEMBERS_MAX, PRIVATE, Destination
from onhook.blocks.endpoint import Endpoint


class Refused(Exception):
    """A request that is answered with an error status; the call stays as it was.

    ``status`` is the API's, ``detail`` a sentence that says what was wrong and what to do.
    ``headers`` go out with the reply, e.g. ``Retry-After``.
    """

    def __init__(self, status: str, detail: str | None = None, **headers: str) -> None:
        super().__init__(status)
        self.status = status
        self.detail = statuses.detail(status) if detail is None else detail
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Syntax(Protocol):
    """The checks that need to know voices and web addresses; given by whoever wires the parts.

    All are quick, touch nothing outside, and raise :class:`Refused`.
    """

    def message(self, text: str) -> object:
        """Reads ``msg``; the result is handed on untouched as ``BlockRequest.message``."""

    def notify_url(self, text: str) -> object:
        """Reads ``notify_url``; the result is handed on as ``BlockRequest.notify_target``."""

    def number(self, text: str) -> str | None:
        """A phone number in E.164; None for what is none."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """The idempotency key of a request, and the SHA-256 of what is asked for under it, in hex."""

    key: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRequest:
    """A request whose parameters are all in order."""

    block: Block
    session: str = ""
    tag: str = ""
    notify_url: str | None = None
    notify_target: object = None
    monitor_url: str | None = None
    """A second URL, which is told of the recording of the whole call."""
    monitor_target: object = None
    message: object = None
    """What ``msg`` says, read by the injected syntax; None without msg."""
    force: bool = False
    options: Mapping[str, object] = field(default_factory=dict)
    """The values of all other parameters that were given, by name."""
    key: RequestKey | None = None
    """The idempotency key under which the reply is kept, if the request came with one."""

    def whole(self, name: str, default: int) -> int:
        """The whole number that a parameter has."""
        value = self.options.get(name, default)
        assert isinstance(value, int)
        return value

    def text(self, name: str, default: str = "") -> str:
        """The text that a parameter has."""
        value = self.options.get(name, default)
        assert isinstance(value, str)
        return value


_PASTED = frozenset({Kind.CREDENTIAL, Kind.SESSION, Kind.TXN_REF})
_AROUND = "\ufeff\u200b"  # a byte order mark, a blank of no width: `str.strip` leaves them


def trimmed(declared: Block | Endpoint, given: Mapping[str, str]) -> Mapping[str, str]:
    """`given` without blanks and line ends around what is copied or read from a file: ids, tokens,
    sessions. None of them has any of its own."""
    pasted = {param.name for param in declared.params if param.kind in _PASTED}
    return {
        name: text.strip().strip(_AROUND).strip() if name in pasted else text
        for name, text in given.items()
    }


def check_present(declared: Block | Endpoint, given: Mapping[str, str]) -> None:
    """Refuses the first required parameter, in declared order, that is absent or empty."""
    for param in declared.params:
        if param.required and not given.get(param.name):
            raise Refused(f"error_{param.name}_param_missing")


def parse(block: Block, given: Mapping[str, str], syntax: Syntax) -> BlockRequest:
    """Reads every declared parameter in declared order; the first that is wrong refuses the request.

    Unknown parameters are ignored and an empty one counts as absent (reference, section 1). The
    required ones are there: ``check_present`` comes first.
    """
    values: dict[str, object] = {}
    options: dict[str, object] = {}
    for param in block.params:
        text = given.get(param.name)
        if not text:
            continue
        if param.kind in _READERS:
            values.update(_READERS[param.kind](param, text, syntax))
        else:
            options[param.name] = _OPTIONS[param.kind](param, text, syntax)
    return BlockRequest(block=block, options=options, **values)  # type: ignore[arg-type]  # by _READERS


def _credential(param: Param, text: str, syntax: Syntax) -> dict[str, object]:
    return {}


def _session(param: Param, text: str, syntax: Syntax) -> dict[str, object]:
    return {"session": text}


def _tag(param: Param, text: str, syntax: Syntax) -> dict[str, object]:
    _check_length(param, text, "error_tag_invalid_length")
    return {"tag": text}


def _message(param: Param, text: str, syntax: Syntax) -> dict[str, object]:
    _check_length(param, text, "error_msg_invalid_length")
    return {"message": syntax.message(text)}


def _notify_url(param: Param, text: str, syntax: Syntax) -> dict[str, object]:
    if param.max_length is not None and len(text) > param.max_length:
        raise Refused("error_invalid_notify_url")
    target = syntax.notify_url(text)
    if param.name == "monitor_notify_url":
        return {"monitor_url": text, "monitor_target": target}
    return {"notify_url": text, "notify_target": target}


def _switch(param: Param, text: str, syntax: Syntax) -> dict[str, object]:
    return {param.name: text == "enabled"}


def _check_length(param: Param, text: str, status: str) -> None:
    if param.max_length is not None and len(text) > param.max_length:
        raise Refused(status, statuses.detail(status, len(text), param.max_length))


def _txn_ref(param: Param, text: str, syntax: Syntax) -> str:
    return text


def _whole(param: Param, text: str, syntax: Syntax) -> int:
    """Digits only: ``int`` would take blanks, signs, underscores and the digits of every script."""
    if (
        text.isascii()
        and text.isdigit()
        and len(text) < 10
        and param.low <= int(text) <= param.high
    ):
        return int(text)
    raise Refused(syntax_statuses(param)[0])


def _choice(param: Param, text: str, syntax: Syntax) -> str:
    if text not in param.values:
        raise Refused(syntax_statuses(param)[0])
    return text


def _callee(param: Param, text: str, syntax: Syntax) -> str:
    number = syntax.number(text)
    if number is None:
        raise Refused(syntax_statuses(param)[0])
    return number


def _callees(param: Param, text: str, syntax: Syntax) -> tuple[str, ...]:
    numbers = [_callee(param, _apart(part), syntax) for part in text.split(",") if part.strip()]
    if not 0 < len(numbers) <= MEMBERS_MAX or len(set(numbers)) < len(numbers):
        raise Refused(syntax_statuses(param)[0], f"dest has 1 to {MEMBERS_MAX} different numbers.")
    return tuple(numbers)


def _apart(part: str) -> str:
    """One number of a list; a blank before it is a blank if a ``+`` follows, else a ``+``."""
    return part.strip() if "+" in part else part.rstrip()


def _caller_id(param: Param, text: str, syntax: Syntax) -> str:
    """What is a number at all; whose it is, the account knows."""
    if text.strip().lower() == PRIVATE:
        return PRIVATE
    return syntax.number(f"+{text.lstrip()}") or _callee(param, text, syntax)


def _destination(param: Param, text: str, syntax: Syntax) -> Destination:
    name = dests.split_room(text)
    if name is not None:
        return Destination(room=_named(name))
    found = dests.split_digits(text)
    if found is None:
        raise Refused("error_dest_invalid")
    return Destination(number=_callee(param, found[0], syntax), digits=found[1])


def _room(param: Param, text: str, syntax: Syntax) -> str:
    name = dests.split_room(text)
    return _named(text if name is None else name)


def _named(room: str) -> str:
    if not dests.is_room(room):
        raise Refused("error_invalid_room")
    return room


_READERS: dict[Kind, Callable[[Param, str, Syntax], dict[str, object]]] = {
    Kind.CREDENTIAL: _credential,
    Kind.SESSION: _session,
    Kind.MESSAGE: _message,
    Kind.TAG: _tag,
    Kind.NOTIFY_URL: _notify_url,
    Kind.SWITCH: _switch,
}

_OPTIONS: dict[Kind, Callable[[Param, str, Syntax], object]] = {
    Kind.TXN_REF: _txn_ref,
    Kind.WHOLE: _whole,
    Kind.CHOICE: _choice,
    Kind.CALLEE: _callee,
    Kind.CALLEES: _callees,
    Kind.DESTINATION: _destination,
    Kind.CALLER_ID: _caller_id,
    Kind.ROOM: _room,
}
