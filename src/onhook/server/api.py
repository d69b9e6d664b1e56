"""The HTTP API: ``/open/…`` for applications, ``/healthz`` for whoever watches.

An API error is an HTTP 200 with a status in its JSON, as clients of the API expect.
"""

from collections.abc import Awaitable, Callable, Mapping

import structlog
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from onhook.blocks import (
    BLOCKS,
    Block,
    BlockRequest,
    Refused,
    Syntax,
    check_present,
    parse,
    statuses,
)
from onhook.server import clock, params
from onhook.server.directory import Directory
from onhook.server.identifiers import new_incident
from onhook.server.metrics import Metrics
from onhook.server.ratelimit import RateLimit

log = structlog.get_logger()

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]

RunBlock = Callable[[str, BlockRequest], Awaitable[Mapping[str, object]]]
"""Runs a request of the application with this id; what it returns joins the reply."""


class Api:
    """Answers the requests of applications."""

    def __init__(
        self,
        *,
        directory: Directory,
        syntax: Syntax,
        run: RunBlock,
        rate_limit: RateLimit,
        metrics: Metrics,
    ) -> None:
        self._directory = directory
        self._syntax = syntax
        self._run = run
        self._rate_limit = rate_limit
        self._metrics = metrics

    def routes(self) -> list[Route]:
        """One route a block."""
        return [
            Route(f"/open/{block.path}", self._endpoint(block), methods=_METHODS)
            for block in BLOCKS
        ]

    def _endpoint(self, block: Block) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            began_s = clock.now_s()
            body, headers = await self._answer(block, request)
            status = str(body["status"])
            self._metrics.request(block.name, status, clock.now_s() - began_s)
            return JSONResponse(body, headers=headers)

        return endpoint

    async def _answer(
        self, block: Block, request: Request
    ) -> tuple[Mapping[str, object], Mapping[str, str]]:
        try:
            reply = await self._handle(block, request)
        except Refused as refused:
            return {"status": refused.status, "detail": refused.detail}, refused.headers
        except (
            Exception
        ):  # the root of a request: logged with an incident id, never a trace outside
            incident = new_incident()
            log.exception("request_failed", incident=incident, block=block.name)
            status = "error_internal_server_error"
            return {"status": status, "detail": statuses.detail(status, incident)}, {}
        return {"status": statuses.SUCCESS, **reply}, {}

    async def _handle(self, block: Block, request: Request) -> Mapping[str, object]:
        """The documented order of evaluation; the first rule that is broken decides."""
        if request.method not in ("GET", "POST"):
            raise Refused("error_invalid_http_method")
        given = params.read(
            request.scope["query_string"],
            await _body(request),
            request.headers.get("content-type", ""),
        )
        check_present(block, given)
        application = await self._directory.authenticate(given)
        self._rate_limit.take(application.app_id)
        wanted = parse(block, given, self._syntax)
        return await self._run(application.app_id, wanted)


async def _body(request: Request) -> bytes:
    """The body, read no further than is allowed."""
    if request.method == "GET":
        return b""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > params.MAX_BODY_BYTES:
                break
    except ClientDisconnect:
        raise Refused("error_malformed_params") from None
    return bytes(body)


def application(routes: list[Route]) -> Starlette:
    """The ASGI application of these routes; anything else is a plain 404."""
    return Starlette(routes=routes)
