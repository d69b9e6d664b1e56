"""``GET /recordings/NAME.mp3``: a finished recording, whole or in ranges (RFC 9110 section 14)."""

import re
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from onhook.calls.recordings.store import PATH, FinishedRecording, Missing, RecordingStore

PATIENCE_S: Final = 10.0
"""How long a request waits for an mp3 that is being made."""

_AGAIN_S: Final = 5
_SUFFIX: Final = ".mp3"
_RANGES: Final = re.compile(r"bytes=\s*(\d*-\d*)(\s*,\s*\d*-\d*)*\s*", re.ASCII | re.IGNORECASE)
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Referrer-Policy": "no-referrer",
}
_MISSING: Final = {
    Missing.UNKNOWN: (404, "There is no such recording."),
    Missing.EXPIRED: (410, "This recording has expired."),
    Missing.UNFINISHED: (503, "This recording is not finished yet; try again in a few seconds."),
}


def route(store: RecordingStore, patience_s: float = PATIENCE_S) -> Route:
    """The route, for GET and HEAD. Whoever has a link may hear the recording; nothing is listed."""

    async def recording(request: Request) -> Response:
        file = str(request.path_params["file"])
        if not file.endswith(_SUFFIX):
            return _missing(Missing.UNKNOWN)
        found = await store.find(file.removesuffix(_SUFFIX), patience_s)
        return _missing(found) if isinstance(found, Missing) else _found(request, found)

    return Route(f"{PATH}/{{file}}", recording, methods=["GET"])


def _missing(why: Missing) -> Response:
    status, sentence = _MISSING[why]
    headers = {**_HEADERS, "Cache-Control": "no-store"}
    if why is Missing.UNFINISHED:
        headers["Retry-After"] = str(_AGAIN_S)
    return PlainTextResponse(f"{sentence}\n", status, headers)


def _found(request: Request, found: FinishedRecording) -> Response:
    response = FileResponse(
        found.path,
        media_type="audio/mpeg",
        stat_result=found.stat,
        headers={**_HEADERS, "Cache-Control": f"private, max-age={int(found.left_s)}"},
    )
    if response.headers["etag"] in _tags(request):
        headers = {name: response.headers[name] for name in ("etag", "cache-control")}
        return Response(status_code=304, headers=headers)
    _drop_odd_ranges(request)
    return response


def _tags(request: Request) -> list[str]:
    return [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]


def _drop_odd_ranges(request: Request) -> None:
    """A range that makes no sense is not there (RFC 9110 section 14.2)."""
    if not _make_sense(request.headers.get("range", "")):
        headers = request.scope["headers"]
        request.scope["headers"] = [one for one in headers if one[0] != b"range"]


def _make_sense(ranges: str) -> bool:
    if not _RANGES.fullmatch(ranges):
        return False
    pairs = [pair.strip().split("-") for pair in ranges.partition("=")[2].split(",")]
    return all(
        (first or last) and (not first or not last or int(first) <= int(last))
        for first, last in pairs
    )
