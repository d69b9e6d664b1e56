"""Which web pages and browser extensions may ask the API: cross-origin requests (Fetch, 3.2, CORS).

A browser asks for permission first, with OPTIONS (preflight), and lets a page read a reply only if its
headers name the page's origin. Nothing here keeps anybody else out: a request is let in by its token.
"""

from collections.abc import Iterable, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from onhook.blocks import idempotency, statuses

_ANY = "*"

_REMEMBERED_S = 7200
"""How long a browser need not ask again; Chromium remembers no longer."""
_PERMISSION: Mapping[str, str] = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": f"Content-Type, {idempotency.HEADER}",
    "Access-Control-Max-Age": str(_REMEMBERED_S),
}
_EXPOSED = f"Retry-After, {idempotency.REPLAYED_HEADER}"


class Origins:
    """The origins that are allowed: those that a browser names in ``Origin``, or ``*`` for each."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed = frozenset(allowed)

    def __bool__(self) -> bool:
        return bool(self._allowed)

    async def serve(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Has ``app`` answer, with permission for whoever has it; a preflight is answered here."""
        asked = Headers(scope=scope)
        permission = self._permission(asked.get("origin", ""))
        preflight = scope["method"] == "OPTIONS" and "access-control-request-method" in asked
        if preflight and "Access-Control-Allow-Origin" in permission:
            headers = {**permission, **_PERMISSION}
            await JSONResponse({"status": statuses.SUCCESS}, headers=headers)(scope, receive, send)
            return

        async def with_permission(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(permission)
            await send(message)

        await app(scope, receive, with_permission)

    def _permission(self, origin: str) -> dict[str, str]:
        """What a reply says to this origin; to others, that caches must not take it for another's."""
        if _ANY in self._allowed:
            named = _ANY
        elif origin.lower() in self._allowed:
            named = origin
        else:
            return {"Vary": "Origin"}
        granted = {"Access-Control-Allow-Origin": named, "Access-Control-Expose-Headers": _EXPOSED}
        return granted if named == _ANY else {**granted, "Vary": "Origin"}
