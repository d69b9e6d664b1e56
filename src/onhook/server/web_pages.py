"""The pages that Starlette serves: recordings, and the reference. Imported when one is asked for."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from onhook.api.pages import routes as reference_routes
from onhook.calls.recordings import web as recordings_web
from onhook.calls.recordings.store import RecordingStore
from onhook.server.console_door import ConsoleDoor
from onhook.server.web import Page

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


def application(
    recordings: RecordingStore, pages: Mapping[str, Page], console: ConsoleDoor
) -> "ASGIApp":
    """The ASGI application of what is beside the API; ``pages`` for whoever asks for them in an odd way."""
    odd = (_route(path, page) for path, page in pages.items())
    others = Starlette(routes=[recordings_web.route(recordings), *odd, *reference_routes()])

    async def answer(scope: "Scope", receive: "Receive", send: "Send") -> None:
        is_console = scope["type"] == "http" and console.leads_to(scope["path"])
        await (console if is_console else others)(scope, receive, send)

    return answer


def _route(path: str, page: Page) -> Route:
    async def answer(_request: Request) -> Response:
        status, media_type, text = await page()
        return Response(text, status, media_type=media_type)

    return Route(path, answer)
