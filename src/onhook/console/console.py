"""The ASGI application below ``/console``: what every request is asked before a page is, and what every
reply says to the browser.

In this order: is the way private, does a page of ours ask (POST), who is it, does the form come from us, may
they. Only then a page of the table answers.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, quote

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route, Router

from onhook.console import sessions
from onhook.console.connection import Connection, NotPrivate, connection_of
from onhook.console.live_feed import LiveFeed
from onhook.console.rendering import environment
from onhook.console.services import Services
from onhook.console.sessions import Sessions, SignedIn
from onhook.console.signing_in import Doorkeeper
from onhook.console.table import PAGES, Page
from onhook.console.visit import Desk, Visit
from onhook.store import StoreError

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

log = structlog.get_logger()

SIGN_IN: Final = "/console/sign-in"
_MOST_BYTES: Final = 256 * 1024
_MOST_FIELDS: Final = 500
_OLD_FORM: Final = "This form is of another session. Go back, load the page anew, and try again."
_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "media-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: browsers would say that forms of ours come from nowhere.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}
"""Of every reply. What a page does not say itself about being kept is not kept."""


class Console:
    """Answers at every path below ``/console``, for a server that has an operator."""

    def __init__(self, services: Services, feed: LiveFeed) -> None:
        self.feed = feed
        self._desk = Desk(
            services,
            environment(),
            Sessions(services.store),
            Doorkeeper(services.store),
            feed,
            {page.path: page.role for page in PAGES if page.method == "GET"},
        )
        self._router = Router(
            [self._route(page) for page in PAGES], redirect_slashes=False, default=_not_there
        )

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """ASGI. Whatever is answered says to the browser what it may do with it."""

        async def guarded(message: "Message") -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._router(scope, receive, guarded)

    def _route(self, page: Page) -> Route:
        async def answer(request: Request) -> Response:
            return await self._answer(page, request)

        return Route(page.path, answer, methods=[page.method])

    async def _answer(self, page: Page, request: Request) -> Response:
        desk = self._desk
        try:
            connection = connection_of(
                request, desk.services.trusted_proxies, desk.services.public_url
            )
            if page.method == "POST":
                _check_origin(request, connection)
        except NotPrivate as error:
            return PlainTextResponse(f"{error}\n", 403)
        try:
            return await self._admit(page, request, connection)
        except StoreError as error:
            log.error("console_failed", path=page.path, reason=str(error))
            return PlainTextResponse(f"The database does not answer: {error}\n", 503)
        except Exception:  # the root of a request: a page that is broken takes nothing else with it
            log.exception("console_failed", path=page.path)
            return PlainTextResponse("This page is broken; the log says how.\n", 500)

    async def _admit(self, page: Page, request: Request, connection: Connection) -> Response:
        desk = self._desk
        encrypted = connection.encrypted
        token = sessions.token_in(request, encrypted=encrypted)
        operator: SignedIn | None = None
        if page.role is not None:
            operator = await desk.sessions.find(token, counts=not page.by_itself)
            if operator is None:
                return _to_sign_in(page, request)
        form: Mapping[str, Sequence[str]] = {}
        if page.method == "POST":
            read = await _form_of(request)
            if read is None:
                return PlainTextResponse("That is more than any form here has.\n", 413)
            form = read
        fields = {name: values[-1] for name, values in form.items()}
        visit = Visit(request, desk, connection, operator, fields, form)
        if operator is not None and page.role is not None:
            if page.method == "POST" and not _is_ours(request, fields, operator.token):
                return visit.render("refused.html", 403, sentence=_OLD_FORM)
            if not operator.role.includes(page.role):
                sentence = f"This takes the role {page.role}; yours is {operator.role}."
                return visit.render("refused.html", 403, sentence=sentence)
        return await page.answer(visit)


def _check_origin(request: Request, connection: Connection) -> None:
    """A POST comes from a page of ours: browsers say so in headers that no page can write itself."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if (site is None and origin is None) or (site is not None and site != "same-origin"):
        raise NotPrivate("Only pages of this console may ask for that.")
    if origin is not None and origin.lower() not in connection.origins:
        raise NotPrivate(
            "Only pages of this console may ask for that. If this is one: the proxy in front has to pass "
            "on the Host header, or --public-url has to name it."
        )


def _is_ours(request: Request, fields: Mapping[str, str], token: str) -> bool:
    given = request.headers.get("x-form-token") or fields.get("form_token", "")
    return sessions.same(given, sessions.form_token(token))


def _to_sign_in(page: Page, request: Request) -> Response:
    """Who has not signed in; what came by a script is told so in a way that it can act on."""
    if page.by_itself:
        return PlainTextResponse("You are signed out.\n", 401)
    path = request.url.path
    if page.method == "GET" and request.url.query:
        path = f"{path}?{request.url.query}"
    to = SIGN_IN if page.method == "POST" else f"{SIGN_IN}?next={quote(path, safe='')}"
    if request.headers.get("hx-request") == "true":
        return Response(status_code=401, headers={"HX-Redirect": to})
    return RedirectResponse(to, 303)


async def _form_of(request: Request) -> Mapping[str, Sequence[str]] | None:
    """The fields of a form; None where there is too much of it."""
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > _MOST_BYTES:
                return None
        return parse_qs(
            body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS
        )
    except (ClientDisconnect, ValueError):
        return None


async def _not_there(scope: "Scope", receive: "Receive", send: "Send") -> None:
    await PlainTextResponse("There is no such page.\n", 404)(scope, receive, send)
