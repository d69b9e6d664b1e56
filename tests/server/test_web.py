"""The HTTP port beside the API: health and metrics without a router, the rest by one that is loaded late."""

import asyncio
import socket
import subprocess
import sys
from email.utils import parsedate_to_datetime
from threading import get_ident

import aiohttp
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from onhook.server import web


async def _health() -> tuple[int, str, bytes]:
    return web.as_json({"status": "degraded"}, 503)


async def test_pages_have_no_router_and_the_others_are_made_once_when_one_is_asked_for() -> None:
    made: list[int] = []

    def others() -> Starlette:
        made.append(get_ident())
        return Starlette(routes=[Route("/docs", lambda _request: PlainTextResponse("docs"))])

    at = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{at.getsockname()[1]}"
    pages = {"/healthz": _health}
    async with (
        web.serving(at, lambda _path: None, pages, others, lambda: None),
        aiohttp.ClientSession() as http,
    ):
        async with http.get(f"{url}/healthz") as reply:
            assert (reply.status, await reply.text()) == (503, '{"status":"degraded"}')
            assert reply.headers["content-type"] == "application/json"
            assert parsedate_to_datetime(reply.headers["date"])
        assert not made
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(http.get(f"{url}/docs")) for _ in range(3)]
        for each in asked:
            assert await each.result().text() == "docs"
        assert len(made) == 1
        assert made != [get_ident()], "calls do not wait for it"
        async with http.post(f"{url}/docs") as reply:
            assert reply.status == 405
        async with http.get(f"{url}/none") as reply:
            assert reply.status == 404


def test_what_serves_the_api_loads_no_router() -> None:
    look = (
        "import sys, onhook.server.web, onhook.api.endpoints; sys.exit('starlette' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0


def test_the_switch_has_none_of_what_it_does_not_need() -> None:
    """What a library loads along is not seen by reading imports."""
    look = (
        "import sys; from onhook.server.lean_imports import keep_out; keep_out();"
        "import onhook.server.switch; print(*sorted({each.partition('.')[0] for each in sys.modules}),"
        " 'sqlalchemy.orm' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True)
    *found, orm = told.stdout.split()
    unwanted = {
        *("aiohttp", "aiosqlite", "alembic", "asyncpg", "babel", "click", "numpy", "onnxruntime"),
        *("pydantic", "pydantic_settings", "starlette", "typer"),
    }
    assert unwanted.isdisjoint(found)
    assert orm == "False"
