"""The parameters of a request: how each is read, and which attribute of the typed request it becomes.

A block's parameters and its request say the same twice, in the words of the API and in types, so they are
held together when the block is declared (:func:`check_request`). A default is said once: in the parameter.
"""

import enum
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal, get_type_hints

from onhook.blocks import statuses
from onhook.blocks.destination import CallerId, Destination
from onhook.blocks.request import BlockRequest, SipHeaders
from onhook.message import Message
from onhook.numbers import E164
from onhook.urls import WebUrl


class Kind(enum.Enum):
    """How the text of a parameter is read."""

    CREDENTIAL = "credential"
    SESSION = "session"
    MESSAGE = "message"
    TAG = "tag"
    NOTIFY_URL = "notify_url"
    SWITCH = "switch"
    """On with the value ``enabled``; any other value counts as not given."""
    IDEMPOTENCY_KEY = "idempotency_key"
    TXN_REF = "txn_ref"
    DATE = "date"
    """``YYYY-MM-DD HH:mm:SS`` in GMT+8."""
    PAGE = "page"
    NUMBER = "number"
    """A phone number in E.164."""
    FORWARD_TO = "forward_to"
    UNSERVED = "unserved"
    """For what is not served here: any value is refused."""
    WHOLE = "whole"
    """A whole number from ``Param.low`` to ``Param.high``."""
    CHOICE = "choice"
    """One of ``Param.values``."""
    PATTERN = "pattern"
    """A text that is ``Param.pattern`` from its first to its last character."""
    CALLEE = "callee"
    """A phone number that is to be called."""
    CALLEES = "callees"
    """Up to eight phone numbers that are to be called, separated by commas."""
    DESTINATION = "destination"
    """Where a call is transferred to: a phone number, with digits to be sent or not, or a room."""
    CALLER_ID = "caller_id"
    """The number that a callee is shown, or ``private``."""
    ROOM = "room"
    REJECTION = "rejection"
    """A word or a SIP status with which a call is rejected."""
    SIP_HEADERS = "sip_headers"
    """Any number of parameters, whose names say which SIP headers they are."""

    __hash__ = object.__hash__
    """Each is one object: that of enum.Enum is computed in Python, for every parameter of every request."""


TYPES: Mapping[Kind, object] = {
    Kind.SESSION: str,
    Kind.MESSAGE: Message,
    Kind.TAG: str,
    Kind.NOTIFY_URL: WebUrl,
    Kind.SWITCH: bool,
    Kind.TXN_REF: str,
    Kind.WHOLE: int,
    Kind.PATTERN: str,
    Kind.CALLEE: E164,
    Kind.CALLEES: tuple[E164, ...],
    Kind.DESTINATION: Destination,
    Kind.CALLER_ID: CallerId,
    Kind.ROOM: str,
    Kind.REJECTION: int,
    Kind.SIP_HEADERS: SipHeaders,
}
"""What a value becomes in the request of a block, by its kind; a choice becomes a Literal of its values. A
credential says who asks, and is no part of the request. The other kinds are those of endpoints."""


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter of a block: its name on the wire, how it is read, and what it means."""

    name: str
    kind: Kind
    doc: str
    required: bool = False
    max_length: int | None = None
    example: str = ""
    """A value for the examples of the reference; without one they leave the parameter out."""
    low: int = 0
    high: int = 0
    values: tuple[str, ...] = ()
    pattern: str = ""
    default: str = ""
    """What holds where it is absent or empty. Without a default, the request has its own word for that:
    None, nothing, or False."""
    status: str = ""
    """The status of a value that cannot be used, where the kind does not say it."""
    not_with: str = ""
    """The parameter that cannot stand beside it."""
    attribute: str = field(init=False, repr=False, compare=False)
    """Its name in the request."""
    is_family: bool = field(init=False, repr=False, compare=False)
    """Whether it stands for parameters of many names, which ``pattern`` describes."""

    def __post_init__(self) -> None:
        """Works out what every request would ask for."""
        named = {Kind.MESSAGE: "message", Kind.SIP_HEADERS: "sip_headers"}
        object.__setattr__(self, "attribute", named.get(self.kind, self.name))
        object.__setattr__(self, "is_family", self.kind is Kind.SIP_HEADERS)

    @property
    def type(self) -> object:
        """What a value of it becomes."""
        return Literal[self.values] if self.kind is Kind.CHOICE else TYPES[self.kind]


def syntax_statuses(param: Param) -> tuple[str, ...]:
    """What a value of this parameter can be refused with before the call is looked at."""
    if param.status:
        return (param.status,)
    match param.kind:
        case Kind.MESSAGE:
            return statuses.MESSAGE_SYNTAX
        case Kind.TAG:
            return statuses.TAG
        case Kind.NOTIFY_URL:
            return statuses.NOTIFY_SYNTAX
        case Kind.CALLEE | Kind.CALLEES | Kind.CALLER_ID:
            return (f"error_{param.name}_invalid",)
        case Kind.DESTINATION:
            return ("error_dest_invalid", "error_invalid_room")
        case Kind.ROOM:
            return ("error_invalid_room",)
        case Kind.SIP_HEADERS:
            return ("error_invalid_sip_header",)
        case Kind.WHOLE | Kind.CHOICE | Kind.PATTERN | Kind.REJECTION:
            return (f"error_invalid_{param.name}",)
        case _:
            return ()


def default_of(param: Param) -> object:
    """The value of its default. Raises TypeError where that is none that the parameter could have."""
    text = param.default
    match param.kind:
        case Kind.WHOLE if text.isdigit() and param.low <= int(text) <= param.high:
            return int(text)
        case Kind.CHOICE if text in param.values:
            return text
        case Kind.PATTERN if re.fullmatch(param.pattern, text):
            return text
        case _:
            raise TypeError(f"{param.name} cannot be {text!r} by default")


def check_request(request: type[BlockRequest], params: Sequence[Param]) -> None:
    """Returns if `request` has an attribute for each of the parameters, of its type, and no other.

    Raises TypeError otherwise; also where a default is said twice, or nowhere.
    """
    given = {param.attribute: param for param in params if param.kind is not Kind.CREDENTIAL}
    common = {field.name for field in fields(BlockRequest)}
    found = {field.name: field for field in fields(request)}
    if wrong := (given.keys() - found.keys()) | (found.keys() - common - given.keys()):
        raise TypeError(
            f"{request.__name__}: {', '.join(sorted(wrong))}: no parameter, or no attribute"
        )
    types = get_type_hints(request)
    for name, param in given.items():
        default = found[name].default
        settled = param.required or bool(param.default)
        if settled != (default is MISSING):
            raise TypeError(f"{request.__name__}.{name}: a default is said twice, or nowhere")
        wanted: Any = param.type
        if types[name] != (wanted | None if default is None else wanted):
            raise TypeError(f"{request.__name__}.{name} is not of the type of its parameter")


_PASTED = frozenset({Kind.CREDENTIAL, Kind.SESSION, Kind.TXN_REF})


def pasted(params: Sequence[Param]) -> frozenset[str]:
    """The names of those whose values are copied or read from a file: ids, tokens, sessions."""
    return frozenset(param.name for param in params if param.kind in _PASTED)
