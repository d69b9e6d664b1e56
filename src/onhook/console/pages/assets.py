"""Files of ours that pages are made of: style, scripts. They are read once, and there are no others."""

from collections.abc import Mapping
from functools import cache
from typing import Final

from starlette.responses import PlainTextResponse, Response

from onhook.console.rendering import STATIC
from onhook.console.visit import Visit

_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_KEPT: Final = "public, max-age=31536000, immutable"
"""A file that has changed has another address."""


async def asset(visit: Visit) -> Response:
    """One of them."""
    name = str(visit.request.path_params["name"])
    found = _files().get(name)
    if found is None:
        return PlainTextResponse("There is no such file.\n", 404)
    text, media_type = found
    return Response(text, media_type=media_type, headers={"Cache-Control": _KEPT})


@cache
def _files() -> Mapping[str, tuple[bytes, str]]:
    return {
        path.name: (path.read_bytes(), _TYPES[path.suffix])
        for path in STATIC.iterdir()
        if path.suffix in _TYPES
    }
