"""From the parameters of an HTTP request to a checked request, rule by rule in declared order."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from onhook.blocks import statuses
from onhook.blocks.declaration import Block, Kind, Param
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

    Both are quick, touch nothing outside, and raise :class:`Refused`.
    """

    def message(self, text: str) -> object:
        """Reads ``msg``; the result is handed on untouched as ``BlockRequest.message``."""

    def notify_url(self, text: str) -> object:
        """Reads ``notify_url``; the result is handed on as ``BlockRequest.notify_target``."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """The idempotency key of a request, and the SHA-256 of what is asked for under it, in hex."""

    key: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRequest:
    """A request whose parameters are all in order."""

    block: Block
    session: str
    tag: str = ""
    notify_url: str | None = None
    notify_target: object = None
    message: object = None
    """What ``msg`` says, read by the injected syntax; None without msg."""
    force: bool = False
    key: RequestKey | None = None
    """The idempotency key under which the reply is kept, if the request came with one."""


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
    for param in block.params:
        text = given.get(param.name)
        if text:
            values.update(_READERS[param.kind](param, text, syntax))
    return BlockRequest(block=block, **values)  # type: ignore[arg-type]  # keyed by _READERS


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
    return {"notify_url": text, "notify_target": syntax.notify_url(text)}


def _switch(param: Param, text: str, syntax: Syntax) -> dict[str, object]:
    return {param.name: text == "enabled"}


def _check_length(param: Param, text: str, status: str) -> None:
    if param.max_length is not None and len(text) > param.max_length:
        raise Refused(status, statuses.detail(status, len(text), param.max_length))


_READERS: dict[Kind, Callable[[Param, str, Syntax], dict[str, object]]] = {
    Kind.CREDENTIAL: _credential,
    Kind.SESSION: _session,
    Kind.MESSAGE: _message,
    Kind.TAG: _tag,
    Kind.NOTIFY_URL: _notify_url,
    Kind.SWITCH: _switch,
}
