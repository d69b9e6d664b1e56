"""``/docs`` and ``/openapi.json``: the reference, for people and for programs.

The page is one HTML document without a script, without anything from elsewhere, and readable on a
phone. Whatever is put between its tags is escaped unless it is already HTML.
"""

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from onhook import __version__
from onhook.blocks import BLOCKS, ENDPOINTS, NOTICES, Block, Endpoint, Field, Notice
from onhook.blocks.declaration import ALWAYS
from onhook.server import openapi, reference
from onhook.server.page_style import CSS
from onhook.server.reference import Asked

_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(CSS.encode()).digest()).decode()
_HEADERS: Final = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_HOST: Final = re.compile(r"(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


def routes(server_url: str = "/", endpoints: Sequence[Endpoint] = ENDPOINTS) -> list[Route]:
    """``/docs`` and ``/openapi.json``.

    ``server_url`` is where applications reach this server; ``/`` for wherever they asked.
    """
    document = openapi.document(BLOCKS, __version__, server_url, NOTICES, endpoints)
    described = json.dumps(document, ensure_ascii=False).encode()

    async def openapi_json(_request: Request) -> Response:
        return Response(described, media_type="application/json")

    async def docs(request: Request) -> Response:
        url = server_url if server_url != "/" else _asked_at(request)
        return HTMLResponse(page(BLOCKS, __version__, url, NOTICES, endpoints), headers=_HEADERS)

    return [Route("/openapi.json", openapi_json), Route("/docs", docs)]


def page(
    blocks: Sequence[Block],
    version: str,
    server_url: str,
    notices: Sequence[Notice] = NOTICES,
    endpoints: Sequence[Endpoint] = ENDPOINTS,
) -> str:
    """The whole page; ``server_url`` is what the examples ask."""
    everything: list[Asked | Notice] = [*blocks, *notices, *endpoints]
    body = [
        _header(version, [one.slug for one in everything]),
        _main(
            _section("requests", "Requests", *map(_p, reference.TRANSPORT)),
            _section("messages", "Messages", *map(_p, reference.MESSAGES)),
            *(_asked(block, server_url) for block in blocks),
            *(_notice(notice) for notice in notices),
            *(_asked(endpoint, server_url) for endpoint in endpoints),
            _notifications(),
        ),
    ]
    head = [
        _tag("meta", charset="utf-8"),
        _tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        _tag("meta", name="color-scheme", content="light dark"),
        _tag("title", f"Onhook {version}: reference"),
        _tag("style", _Html(CSS)),
    ]
    document = _tag("html", _tag("head", *head), _tag("body", *body), lang="en")
    return f"<!doctype html>\n{document}\n"


def _asked_at(request: Request) -> str:
    """The address that this request was sent to; the default one if its Host header is no address."""
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        return reference.DEFAULT_URL
    return f"{request.url.scheme}://{host}"


# Parts of the page --------------------------------------------------------------------------------


def _header(version: str, names: Iterable[str]) -> "_Html":
    links = [
        _tag("a", "Requests", href="#requests"),
        _tag("a", "Messages", href="#messages"),
        *(_tag("a", name, href=f"#{name}") for name in names),
        _tag("a", "Notifications", href="#notifications"),
        _tag("a", "OpenAPI", href="/openapi.json"),
    ]
    return _tag(
        "header",
        _tag("h1", "Onhook ", _tag("small", version)),
        _p("Steer real phone calls by HTTP, one block at a time."),
        _tag("nav", *links, aria_label="On this page"),
    )


def _asked(asked: Asked, server_url: str) -> "_Html":
    return _section(
        asked.slug,
        asked.slug,
        _tag("p", _tag("code", f"GET | POST /open/{asked.path}")),
        _p(asked.doc),
        *([_list(asked.notes)] if asked.notes else []),
        _heading("Parameters"),
        _terms(
            (param.name, reference.limits(param), param.doc) for param in reference.params(asked)
        ),
        _heading("Example"),
        _tag("pre", _tag("code", reference.curl(asked, server_url)), tabindex="0"),
        _heading("Statuses, in the order in which they are evaluated"),
        _terms((reply.status, "", reply.sentence) for reply in reference.replies(asked)),
        *(_replied(asked) if isinstance(asked, Block) else _answer(asked)),
    )


def _replied(block: Block) -> list["_Html"]:
    reply = [_heading("Reply, beside the status"), _fields(block.reply)] if block.reply else []
    return [*reply, *(_told(block) if block.fields else [])]


def _answer(endpoint: Endpoint) -> list["_Html"]:
    parts: list[_Html] = []
    if endpoint.fields:
        parts += [_heading("Reply, beside the status"), _fields(endpoint.fields)]
    if endpoint.entry:
        parts += [
            _heading("Each element of the list entries in the reply"),
            _fields(endpoint.entry),
        ]
    return parts


def _notice(notice: Notice) -> "_Html":
    return _section(notice.slug, notice.slug, _p(notice.summary), _p(notice.doc), *_told(notice))


def _told(told: Block | Notice) -> list["_Html"]:
    return [_heading("Notification"), _fields(told.fields)]


def _fields(fields: Iterable[Field]) -> "_Html":
    return _terms(
        (field.name, "" if field.when == ALWAYS else field.when, field.doc) for field in fields
    )


def _notifications() -> "_Html":
    headers = ((name, "", doc) for name, doc in reference.SIGNATURES.items())
    return _section(
        "notifications",
        "Notifications",
        *map(_p, reference.DELIVERY),
        _heading("Headers"),
        _terms(headers),
    )


# Pieces of HTML -----------------------------------------------------------------------------------


class _Html(str):
    """Text that is HTML already, to be put between tags as it is."""

    __slots__ = ()


def _tag(element: str, /, *content: str, **attributes: str) -> _Html:
    """An element. An underscore in the name of an attribute is a hyphen."""
    given = "".join(
        f' {key.replace("_", "-")}="{html.escape(value)}"' for key, value in attributes.items()
    )
    if element == "meta":
        return _Html(f"<meta{given}>")
    inside = "".join(
        part if isinstance(part, _Html) else html.escape(part, quote=False) for part in content
    )
    return _Html(f"<{element}{given}>{inside}</{element}>")


_main = partial(_tag, "main")
_heading = partial(_tag, "h3")


def _section(anchor: str, title: str, *content: _Html) -> _Html:
    return _tag("section", _tag("h2", title), *content, id=anchor)


def _p(text: str) -> _Html:
    return _tag("p", *_inline(text))


def _list(texts: Iterable[str]) -> _Html:
    return _tag("ul", *(_tag("li", *_inline(text)) for text in texts))


def _terms(entries: Iterable[tuple[str, str, str]]) -> _Html:
    """A list of names, each with a remark (or none) and what it means."""
    return _tag(
        "dl",
        *(
            _tag(
                "div",
                _tag("dt", _tag("code", name), *([_tag("span", f" {remark}")] if remark else [])),
                _tag("dd", *_inline(text)),
            )
            for name, remark, text in entries
        ),
    )


def _inline(text: str) -> list[str]:
    return [_tag("code", part) if code else part for code, part in reference.spans(text)]
