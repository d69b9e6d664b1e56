"""Which web pages and browser extensions may ask the API: cross-origin requests (Fetch, 3.2, CORS).

A browser asks for permission first, with OPTIONS (preflight), and lets a page read a reply only if its
headers name the page's origin. Nothing here keeps anybody else out: a request is let in by its token.
"""

from collections.abc import Iterable, Mapping

from onhook.api.answer import Answer
from onhook.api.request import ApiRequest
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

    def permission(self, request: ApiRequest) -> dict[str, str]:
        """What a reply says to this origin; to others, that caches must not take it for another's."""
        if not self._allowed:
            return {}
        origin = request.header(b"origin") or ""
        if _ANY in self._allowed:
            named = _ANY
        elif origin.lower() in self._allowed:
            named = origin
        else:
            return {"Vary": "Origin"}
        granted = {"Access-Control-Allow-Origin": named, "Access-Control-Expose-Headers": _EXPOSED}
        return granted if named == _ANY else {**granted, "Vary": "Origin"}

    def preflight(self, request: ApiRequest, permission: Mapping[str, str]) -> Answer | None:
        """The answer to a browser that asks whether a page may; None where none asks, or it may not."""
        if request.method != "OPTIONS" or "Access-Control-Allow-Origin" not in permission:
            return None
        if request.header(b"access-control-request-method") is None:
            return None
        return Answer({"status": statuses.SUCCESS}, _PERMISSION)
