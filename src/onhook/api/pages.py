"""``/docs`` and ``/openapi.json``: the reference, for people and for programs; and the guide beside it."""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from onhook import __version__
from onhook.api import docs_site, openapi, reference
from onhook.api.docs_search import search
from onhook.api.docs_site import Page
from onhook.api.guide import BUILT, Guide
from onhook.api.page_style import CSS
from onhook.blocks import BLOCKS, ENDPOINTS, NOTICES, Endpoint

_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(CSS.encode()).digest()).decode()
_HEADERS: Final = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_HOST: Final = re.compile(r"(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


def routes(
    server_url: str = "/", endpoints: Sequence[Endpoint] = ENDPOINTS, guide_directory: Path = BUILT
) -> list[BaseRoute]:
    """``/docs``, a page below it for everything that can be asked for, ``/openapi.json``, and the guide.

    ``server_url`` is where applications reach this server; ``/`` for wherever they asked.
    ``guide_directory`` has the guide, if it was built.
    """
    document = openapi.document(BLOCKS, __version__, server_url, NOTICES, endpoints)
    described = json.dumps(document, ensure_ascii=False).encode()

    @lru_cache(maxsize=4)
    def site(url: str) -> dict[str, Page]:
        return {page.slug: page for page in docs_site.pages(BLOCKS, url, NOTICES, endpoints)}

    def asked(request: Request) -> dict[str, Page]:
        return site(server_url if server_url != "/" else _asked_at(request))

    async def openapi_json(_request: Request) -> Response:
        return Response(described, media_type="application/json")

    async def docs(request: Request) -> Response:
        there = asked(request)
        page = there.get(request.path_params.get("slug", ""))
        return _reply(page or docs_site.missing_page(), there, status=200 if page else 404)

    async def found(request: Request) -> Response:
        there = asked(request)
        query = request.query_params.get("q", "")[: docs_site.QUERY_MAX].strip()
        page = docs_site.found_page(query, search(list(there.values()), query))
        return _reply(page, there, query)

    async def guide(_request: Request) -> Response:
        return RedirectResponse(f"{docs_site.GUIDE}/")

    return [
        Route("/openapi.json", openapi_json),
        Route(docs_site.ROOT, docs),
        Route(docs_site.SEARCH, found),
        Route(docs_site.GUIDE, guide),
        Mount(docs_site.GUIDE, Guide(_no_guide(site(server_url)), guide_directory)),
        Route(docs_site.ROOT + "/{slug}", docs),
    ]


def _no_guide(site: dict[str, Page]) -> Response:
    return _reply(docs_site.missing_page(), site, status=404)


def _reply(page: Page, site: dict[str, Page], query: str = "", status: int = 200) -> Response:
    text = docs_site.document(page, list(site.values()), __version__, query)
    return HTMLResponse(text, status, headers=_HEADERS)


def _asked_at(request: Request) -> str:
    """The address that this request was sent to; the default one if its Host header is no address."""
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        return reference.DEFAULT_URL
    return f"{request.url.scheme}://{host}"
