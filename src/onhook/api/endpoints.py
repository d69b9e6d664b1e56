"""The HTTP API: ``/open/…`` for applications, ``/healthz`` for whoever watches.

An API error is an HTTP 200 with a status in its JSON, as clients of the API expect.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import structlog
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from onhook.api import params
from onhook.api.account_api import AccountApi, Asked
from onhook.api.answer import Answer, refusal, success
from onhook.api.cors import Origins
from onhook.api.idempotency import KeptReplies
from onhook.api.ratelimit import RateLimit
from onhook.api.refusals import Refusals
from onhook.blocks import (
    BLOCKS,
    ENDPOINTS,
    HANG_UP_CALL,
    MODERATE,
    Block,
    BlockRequest,
    Endpoint,
    ReadMessage,
    Refused,
    check_present,
    idempotency,
    parse,
    statuses,
    trimmed,
)
from onhook.blocks.account import UPDATE_FORWARDING
from onhook.blocks.unserved import UNSERVED, refusal_of
from onhook.calls import clock
from onhook.calls.directory import Directory
from onhook.calls.identifiers import new_incident

log = structlog.get_logger()

RunBlock = Callable[[str, BlockRequest, float], Awaitable[Mapping[str, object]]]
"""Runs a request of the application with this id; what it returns joins the reply. The number is
the moment of the request's arrival, on the monotonic clock."""


class RequestMetrics(Protocol):
    """Counts requests; told on the event loop."""

    def request(self, block: str, status: str, seconds: float) -> None:
        """A request of this block, or endpoint, was answered so long after it had arrived."""


_ROOT = "/open"
_BY_REFERENCE = (HANG_UP_CALL, MODERATE)
"""Those that name a call by its reference. Their reply is not written with what they do, as another
application's call may be meant; and they are limited like the endpoints that ask for calls."""


@dataclass(frozen=True, slots=True)
class _Service:
    """How requests at one path are answered, once it is known who makes them."""

    declared: Block | Endpoint
    rate_limit: RateLimit
    act: Callable[[Asked, float], Awaitable[Mapping[str, object]]]
    keeps: bool
    """Whether ``act`` keeps the reply of a success under the request's key itself."""


class Api:
    """Answers the requests of applications.

    ``rate_limit`` is for all blocks together. Of the endpoints around them each has a limit of its own,
    of ``status_per_minute``; 0 is none.
    """

    def __init__(
        self,
        *,
        directory: Directory,
        read_message: ReadMessage,
        run: RunBlock,
        rate_limit: RateLimit,
        status_per_minute: int,
        metrics: RequestMetrics,
        account: AccountApi,
        replies: KeptReplies,
        refusals: Refusals,
    ) -> None:
        self._directory = directory
        self._read_message = read_message
        self._run = run
        self._metrics = metrics
        self._account = account
        self._replies = replies
        self._refusals = refusals
        self._services = [
            *(
                _Service(
                    block,
                    RateLimit(status_per_minute) if block in _BY_REFERENCE else rate_limit,
                    self._block(block),
                    block not in _BY_REFERENCE,
                )
                for block in BLOCKS
            ),
            *(
                _Service(
                    one,
                    RateLimit(status_per_minute),
                    self._ask(one),
                    one is UPDATE_FORWARDING,
                )
                for one in ENDPOINTS
            ),
        ]

    def services(self) -> dict[str, ASGIApp]:
        """One for each block and endpoint, by its path."""
        return {
            f"{_ROOT}/{service.declared.path}": self._endpoint(service)
            for service in self._services
        }

    def unserved(self, path: str) -> ASGIApp:
        """What answers at a path under ``/open`` that has no service, once it is known who asks."""

        async def refuse(_asked: Asked, _arrived_s: float) -> Mapping[str, object]:
            raise Refused(refusal_of(path.removeprefix(_ROOT).strip("/")))

        return self._endpoint(_Service(UNSERVED, RateLimit(0), refuse, keeps=False))

    def _block(self, block: Block) -> Callable[[Asked, float], Awaitable[Mapping[str, object]]]:
        async def run(asked: Asked, arrived_s: float) -> Mapping[str, object]:
            wanted = replace(parse(block, asked.given, self._read_message), key=asked.key)
            return await self._run(asked.application.app_id, wanted, arrived_s)

        return run

    def _ask(self, endpoint: Endpoint) -> Callable[[Asked, float], Awaitable[Mapping[str, object]]]:
        async def ask(asked: Asked, _arrived_s: float) -> Mapping[str, object]:
            return await self._account.answer(endpoint, asked)

        return ask

    def _endpoint(self, service: _Service) -> ASGIApp:
        async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
            arrived_s = clock.now_s()
            answer = await self._answer(service, Request(scope, receive), arrived_s)
            name = service.declared.slug
            self._metrics.request(name, answer.status, clock.now_s() - arrived_s)
            await JSONResponse(answer.body, headers=answer.headers)(scope, receive, send)

        return endpoint

    async def _answer(self, service: _Service, request: Request, arrived_s: float) -> Answer:
        given: dict[str, str] = {}
        answer = await self._attempt(service, request, arrived_s, given)
        if answer.status != statuses.SUCCESS:
            self._refusals.note(given, service.declared.path, answer)
        return answer

    async def _attempt(
        self, service: _Service, request: Request, arrived_s: float, given: dict[str, str]
    ) -> Answer:
        try:
            return await self._handle(service, request, arrived_s, given)
        except Refused as refused:
            return refusal(refused)
        except Exception:  # the root of a request: its cause is logged, and never told outside
            incident = new_incident()
            log.exception("request_failed", incident=incident, block=service.declared.slug)
            status = "error_internal_server_error"
            return refusal(Refused(status, statuses.detail(status, incident)))

    async def _handle(
        self, service: _Service, request: Request, arrived_s: float, given: dict[str, str]
    ) -> Answer:
        """The documented order of evaluation; the first rule that is broken decides.

        What could be read of the request is put into ``given``.
        """
        if request.method not in ("GET", "POST"):
            raise Refused("error_invalid_http_method")
        read = params.read(
            request.scope["query_string"],
            await _body(request),
            request.headers.get("content-type", ""),
        )
        given.update(trimmed(service.declared, read))
        key = idempotency.read_key(request.headers.getlist(idempotency.HEADER), given)
        check_present(service.declared, given)
        application = await self._directory.authenticate(given)
        service.rate_limit.take(application.app_id)
        if key is None:
            return success(await service.act(Asked(application, given), arrived_s))
        named = idempotency.request_key(key, service.declared.path, given)
        asked = Asked(application, given, named)
        return await self._replies.once(
            application.app_id,
            named,
            lambda: service.act(asked, arrived_s),
            act_keeps=service.keeps,
        )


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


class Application:
    """The ASGI application: the API at every path under ``/open``, for every method, and ``routes``.

    A request of the API goes past the router and its middleware: it needs neither, since it answers
    every method itself and lets no error out, and it is what a call waits for.
    """

    def __init__(self, api: Api, routes: Sequence[Route], origins: Origins | None = None) -> None:
        self._services = api.services()
        self._unserved = api.unserved
        self._origins = origins or Origins()
        self._others = Starlette(routes=routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI: whoever the path belongs to; what is not HTTP goes to the others."""
        service = self._find(scope["path"]) if scope["type"] == "http" else None
        if service is not None and self._origins:
            await self._origins.serve(service, scope, receive, send)
        else:
            await (service or self._others)(scope, receive, send)

    def _find(self, path: str) -> ASGIApp | None:
        """The API's answer at a path; None for what is not the API's. Slashes too many do not count."""
        service = self._services.get(path)
        if service is not None:
            return service
        plain = "/" + "/".join(part for part in path.split("/") if part)
        if not f"{plain}/".startswith(f"{_ROOT}/"):
            return None
        return self._services.get(plain) or self._unserved(plain)
