"""What the reference says of a request, whatever it is written in: replies, examples, common rules.

The OpenAPI document, the page at ``/docs`` and the pages under ``docs/reference`` say the same because
all three take it from here, and this takes it from the declarations. Pure.
"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from onhook.blocks import Block, Endpoint, Field, Kind, Param, Place, idempotency, statuses
from onhook.blocks.declaration import ALWAYS, ENDED, INCOMING, OUTGOING

DEFAULT_URL: Final = "http://127.0.0.1:8080"
"""Where a server with default settings is asked."""

METHODS: Final = (
    "A method other than GET and POST is answered with HTTP 200 and error_invalid_http_method."
)
TRANSPORT: Final = (
    "GET with a query string and POST with a form-encoded body mean the same. A body that is a JSON "
    "object is read too; in a POST, what the body does not name may stand in the query string.",
    "Every reply is a JSON object with a `status`, and its HTTP status is 200, errors included. What "
    "went wrong, and what to do about it, is a sentence in its `detail`.",
    METHODS,
    "Slashes too many in a path, at its end too, do not count. Every path under `/open/` is answered like "
    "this: what this server has not, once it is known who asks, with error_sms_service_not_available "
    "(all of `sms/`) or error_service_not_available.",
    "Pages and extensions in a browser may ask if their origin is one that the operator allows "
    "(`--cors-origins`).",
    "The endpoints around accounts, numbers and the status of calls, voice/hangup and "
    "conference/moderate take 60 requests a minute of an application, each by itself "
    "(`--status-rate-limit`). The others have no limit unless the operator sets one.",
    "Unknown parameters are ignored. An empty optional parameter counts as not given, an empty "
    "required one as missing.",
    "A request that is refused leaves the call exactly as it was.",
)
"""What holds for every request; one paragraph each."""

MESSAGES: Final = (
    "Plain text is spoken in English by a female voice. "
    '`<speech language="en" gender="female">Good bye.</speech>` asks for a language and a gender for '
    "which a voice is installed; either attribute may be left out. "
    "`<url>https://www.example.com/bye.mp3</url>` plays a recording: .mp3, .wav or .gsm, at most 10 MB.",
    "Elements may follow one another and stand between plain text, but not inside one another; they "
    "are heard in their order. Write < as `&lt;`; a bare & is accepted.",
    "The limit counts the characters as sent, markup included. A msg is ready before success_ok is "
    "answered: whatever is wrong with it is told in the reply.",
)
"""What msg can hold; one paragraph each."""

DELIVERY: Final = (
    "A notification is a POST. Its fields stand both in the form-encoded body and in the query "
    "string, after whatever query the URL itself carried; all of them are texts. A parameter of the URL "
    "that has the name of a field is not sent, the field is.",
    "An application or a number that was made with --format json gets a JSON object with the same fields as "
    "the body, and the URL is as it was given.",
    "Answer with any 2xx status; it counts once the head of the reply is read, whatever its body does. "
    "Whatever else happens, it is sent again: after 5 s, 30 s, 2 min, "
    "10 min, 30 min and 1 h, then hourly, until 24 hours after the first attempt. A Retry-After of "
    "the reply is honoured, 410 stops the attempts, redirects are not followed. When the server starts "
    "or stops, what is pending is tried once more, beside these times.",
    "The notifications of one session arrive in order, each at least once: keep the webhook-id of "
    "those you have handled, and ignore one that comes again.",
)
"""What holds for every notification; one paragraph each."""

SIGNATURES: Final[Mapping[str, str]] = {
    "X-Hoiio-Signature": "HMAC-SHA256 of the raw body in lower-case hex, keyed with the access token.",
    "webhook-id": "The notification's id, the same in every attempt (Standard Webhooks).",
    "webhook-timestamp": "When this attempt was made, in seconds of Unix time.",
    "webhook-signature": (
        "v1, and the base64 HMAC-SHA256 of webhook-id.webhook-timestamp.body, keyed with the "
        "application's webhook secret; several, separated by blanks, while a secret is replaced."
    ),
    "X-Onhook-Event": "The notification's number within its session, from 1.",
}
"""Headers of a notification, each with what it holds."""

_INCIDENT = "5f1c0a9be2d4"
_WAIT_S = 7
_CODE = re.compile(
    r"""
      `[^`]+`                                 # marked as a name in the text itself
    | (?<=required[ ]parameter[ ])[a-z]\w*
    | <[a-z]+>
    | --[a-z][a-z-]*
    | \b[a-z_]+=[a-z]+
    | \bmsg\b
    | \b[A-Za-z0-9]+(?:_[A-Za-z0-9]+)+
    | \bwebhook-[a-z]+\b
    | (?<!\w)'[a-z]+[ ][a-z ]+'(?!\w)          # a command
    """,
    re.VERBOSE,
)


Asked: TypeAlias = Block | Endpoint
"""What a request can ask for."""


class Tells(Protocol):
    """What a notification is about: a block, or a notice that no request asked for."""

    @property
    def name(self) -> str:
        """Its value of ``ivr_block``, which applications switch on."""

    @property
    def slug(self) -> str:
        """Names its page and its link in documents."""

    @property
    def summary(self) -> str:
        """What happened, or what was asked for, in a sentence."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields of its notification, in their order."""


@dataclass(frozen=True, slots=True)
class DocumentedReply:
    """One thing that a request can be answered."""

    status: str
    sentence: str
    """What it means and what to do, with likely values where only the moment knows the real ones."""

    body: Mapping[str, Any]
    """An example of the reply's JSON object."""


def params(asked: Asked) -> tuple[Param, ...]:
    """Every parameter that a request takes: its own, and the one that all take."""
    return (*asked.params, idempotency.PARAM)


def replies(asked: Asked) -> tuple[DocumentedReply, ...]:
    """Every reply to a request in the order of evaluation, one for each parameter that can be missing."""
    found: list[DocumentedReply] = []
    for status in asked.statuses:
        if status == "error_X_param_missing":
            missing = (
                f"error_{param.name}_param_missing" for param in asked.params if param.required
            )
            found += (_refusal(name, statuses.detail(name)) for name in missing)
        elif status == statuses.SUCCESS:
            body = {"status": status, **_answer(asked)}
            found.append(DocumentedReply(status, statuses.detail(status), body))
        else:
            found.append(_refusal(status, statuses.detail(status, *_likely(asked, status))))
    return tuple(found)


def requests(asked: Asked) -> dict[str, dict[str, str]]:
    """Examples of requests by name: the usual one, and one for each parameter that changes its meaning."""
    usual = {p.name: p.example for p in asked.params if p.example and not _switches(p)}
    bare = {p.name: p.example for p in asked.params if p.example and p.required}
    return {
        "usual": usual,
        **{p.name: {**bare, p.name: p.example} for p in asked.params if _switches(p)},
    }


def notification(told: Tells) -> dict[str, str]:
    """An example of the notification, as a call gets it that came in, or that only we can place."""
    over = any(field.name == "call_state" and field.example == "ended" for field in told.fields)
    placed = isinstance(told, Block) and told.place is Place.START
    whens = (ALWAYS, OUTGOING if placed else INCOMING, *((ENDED,) if over else ()))
    return {
        field.name: told.name if field.name == "ivr_block" else field.example
        for field in told.fields
        if field.when in whens
    }


def curl(asked: Asked, server_url: str = DEFAULT_URL) -> str:
    """The usual request as a command for a shell."""
    lines = [f"curl {shlex.quote(f'{server_url}/open/{asked.path}')}"]
    lines += (
        f"  --data-urlencode {shlex.quote(f'{name}={text}')}"
        for name, text in requests(asked)["usual"].items()
    )
    return " \\\n".join(lines)


def limits(param: Param) -> str:
    """What a parameter has to keep to, in words for a table: ``required, at most 256 characters``."""
    most = f"at most {param.max_length} characters" if param.max_length is not None else ""
    span = f"{param.low} to {param.high}" if param.kind is Kind.WHOLE else ""
    default = f"default {param.default}" if param.default else ""
    need = "required" if param.required else "optional"
    return ", ".join(part for part in (need, most, span, default) if part)


def spans(text: str) -> Iterator[tuple[bool, str]]:
    """Splits a sentence into what is a name of the API (True) and the words around it (False).

    Names are known by their shape, or stand in backquotes. In HTML and Markdown alike, ``<url>`` or
    ``error_msg_invalid_url`` would otherwise not be read as they are meant.
    """
    end = 0
    for match in _CODE.finditer(text):
        if match.start() > end:
            yield False, text[end : match.start()]
        yield True, match.group().strip("`'")
        end = match.end()
    if end < len(text):
        yield False, text[end:]


def markdown(text: str) -> str:
    """A sentence as Markdown: what is code stands in backquotes."""
    return "".join(f"`{part}`" if code else part for code, part in spans(text))


def _switches(param: Param) -> bool:
    return bool(param.example) and (param.kind is Kind.SWITCH or bool(param.not_with))


def _refusal(status: str, sentence: str) -> DocumentedReply:
    return DocumentedReply(status, sentence, {"status": status, "detail": sentence})


def _answer(asked: Asked) -> dict[str, Any]:
    """What an example of an accepted request's reply carries beside its status."""
    if isinstance(asked, Block):
        return _values(asked.reply)
    answer = _values(asked.fields)
    if asked.entry:
        answer["entries"] = [_values(asked.entry)]
    return answer


def _values(fields: Sequence[Field]) -> dict[str, Any]:
    return {field.name: [field.example] if field.listed else field.example for field in fields}


def _likely(asked: Asked, status: str) -> tuple[object, ...]:
    """Values for the blanks of a status's sentence."""
    limit = {param.kind: param.max_length or 0 for param in asked.params}
    match status:
        case "error_rate_limit_exceeded":
            return (_WAIT_S,)
        case "error_msg_invalid_length":
            return limit[Kind.MESSAGE] + 1, limit[Kind.MESSAGE]
        case "error_tag_invalid_length":
            return limit[Kind.TAG] + 1, limit[Kind.TAG]
        case "error_internal_server_error":
            return (_INCIDENT,)
        case _:
            return ()
