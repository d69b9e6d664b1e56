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

PATIENCE_S = 60.0


def _others() -> Starlette:
    return Starlette()


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


class Slow:
    """A page that is there when the test lets it."""

    def __init__(self) -> None:
        self.asked, self.may_be_there = asyncio.Event(), asyncio.Event()

    async def __call__(self) -> tuple[int, str, bytes]:
        self.asked.set()
        await self.may_be_there.wait()
        return web.as_json({"status": "slow"}, 200)


async def test_who_leaves_waits_for_slow_answers_while_others_are_served() -> None:
    at, slow = socket.create_server(("127.0.0.1", 0)), Slow()
    url = f"http://127.0.0.1:{at.getsockname()[1]}"
    pages: dict[str, web.Page] = {"/healthz": _health, "/slow": slow}
    async with (
        web.serving(at, lambda _path: None, pages, _others, lambda: None) as server,
        aiohttp.ClientSession() as http,
        asyncio.timeout(PATIENCE_S),
    ):
        asked = asyncio.ensure_future(http.get(f"{url}/slow"))
        await slow.asked.wait()
        answered = asyncio.ensure_future(server.answered(PATIENCE_S))
        for _ in range(3):
            async with http.get(f"{url}/healthz") as reply:
                assert reply.status == 503
        assert not answered.done()
        slow.may_be_there.set()
        await answered
        assert await (await asked).json() == {"status": "slow"}


async def _answered_at(where: tuple[str, int], then: bytes) -> asyncio.StreamWriter:
    """A connection on which a request was answered; what came with it was read then, too."""
    reader, writer = await asyncio.open_connection(*where)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" + then)
    await reader.readuntil(b"}")
    return writer


async def test_who_sends_half_a_request_keeps_nobody_waiting() -> None:
    at = socket.create_server(("127.0.0.1", 0))
    where = at.getsockname()
    async with (
        web.serving(at, lambda _path: None, {"/healthz": _health}, _others, lambda: None) as server,
        asyncio.timeout(PATIENCE_S),
    ):
        kept = await _answered_at(where, b"")
        half = await _answered_at(where, b"GET /hea")
        await server.answered(2 * PATIENCE_S)
        [descriptor] = await server.leave(2 * PATIENCE_S)
        with socket.socket(fileno=descriptor) as left:
            assert left.getpeername() == kept.get_extra_info("sockname")
        kept.close()
        half.close()


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
        *("aiohttp", "alembic", "asyncpg", "babel", "click", "numpy", "onnxruntime"),
        *("pydantic", "pydantic_settings", "starlette", "typer"),
    }
    assert unwanted.isdisjoint(found)
    assert orm == "False"
