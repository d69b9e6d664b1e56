"""The HTTP API: ``/open/…`` for applications, at every path below it and for every method.

An API error is an HTTP 200 with a status in its JSON, as clients of the API expect. Requests come straight
from their connections (:mod:`onhook.api.exchange`): they need neither a router nor middleware, since every
method is answered here and no error gets out, and they are what calls wait for.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Protocol

import structlog

from onhook.administration.operator_hangup import read_header
from onhook.api import params
from onhook.api.account_api import AccountApi, Asked
from onhook.api.answer import Answer, refusal, success, written
from onhook.api.cors import Origins
from onhook.api.idempotency import KeptReplies
from onhook.api.ratelimit import RateLimit
from onhook.api.refusals import Refusals
from onhook.api.request import ApiRequest
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
from onhook.blocks.hangup import HangupRequest
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


Act = Callable[[Asked, float], Awaitable[Mapping[str, object]]]


class Service:
    """How requests at one path are answered.

    ``act`` does what is asked for, once it is known who asks; ``keeps`` says whether it keeps the reply of a
    success under the request's key itself.
    """

    def __init__(
        self,
        api: "Api",
        declared: Block | Endpoint,
        rate_limit: RateLimit,
        act: Act,
        *,
        keeps: bool,
    ) -> None:
        self._api = api
        self.declared = declared
        self.name = declared.slug
        self.rate_limit = rate_limit
        self.act = act
        self.keeps = keeps

    async def reply(self, request: ApiRequest) -> tuple[bytes, bytes]:
        """See :class:`onhook.api.exchange.Answers`."""
        return await self._api.reply(self, request)


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
        name_for: Callable[[str], str],
        origins: Origins | None = None,
    ) -> None:
        self._directory = directory
        self._read_message = read_message
        self._run = run
        self._metrics = metrics
        self._account = account
        self._replies = replies
        self._refusals = refusals
        self._name_for = name_for
        self._origins = origins or Origins()
        blocks = (
            Service(
                self,
                block,
                RateLimit(status_per_minute) if block in _BY_REFERENCE else rate_limit,
                self._block(block),
                keeps=block not in _BY_REFERENCE,
            )
            for block in BLOCKS
        )
        endpoints = (
            Service(
                self,
                one,
                RateLimit(status_per_minute),
                self._ask(one),
                keeps=one is UPDATE_FORWARDING,
            )
            for one in ENDPOINTS
        )
        self._services = {f"{_ROOT}/{one.declared.path}": one for one in (*blocks, *endpoints)}

    def find(self, path: str) -> Service | None:
        """What answers at a path; None for what is not the API's. Slashes too many do not count."""
        service = self._services.get(path)
        if service is not None:
            return service
        plain = "/" + "/".join(part for part in path.split("/") if part)
        if not f"{plain}/".startswith(f"{_ROOT}/"):
            return None
        return self._services.get(plain) or self._unserved(plain)

    def _unserved(self, path: str) -> Service:
        """What answers at a path under ``/open`` that has no service, once it is known who asks."""

        async def refuse(_asked: Asked, _arrived_s: float) -> Mapping[str, object]:
            raise Refused(refusal_of(path.removeprefix(_ROOT).strip("/")))

        return Service(self, UNSERVED, RateLimit(0), refuse, keeps=False)

    def _block(self, block: Block) -> Act:
        async def run(asked: Asked, arrived_s: float) -> Mapping[str, object]:
            wanted = parse(block, asked.given, self._read_message)
            if asked.key is not None:
                wanted = replace(wanted, key=asked.key)
            if asked.operator and isinstance(wanted, HangupRequest):
                by = read_header(self._name_for, asked.operator, wanted.session)
                wanted = replace(wanted, operator=by)
            return await self._run(asked.application.app_id, wanted, arrived_s)

        return run

    def _ask(self, endpoint: Endpoint) -> Act:
        async def ask(asked: Asked, _arrived_s: float) -> Mapping[str, object]:
            return await self._account.answer(endpoint, asked)

        return ask

    async def reply(self, service: Service, request: ApiRequest) -> tuple[bytes, bytes]:
        """The header lines of the reply of a service, and its body."""
        permission = self._origins.permission(request)
        preflight = self._origins.preflight(request, permission)
        if preflight is not None:
            return written(preflight, permission.items())
        given: dict[str, str] = {}
        answer = await self._attempt(service, request, given)
        if answer.status != statuses.SUCCESS:
            self._refusals.note(given, service.declared.path, answer, request.arrived_s)
        seconds = clock.now_s() - request.arrived_s
        self._metrics.request(service.name, answer.status, seconds)
        return written(answer, permission.items())

    async def _attempt(
        self, service: Service, request: ApiRequest, given: dict[str, str]
    ) -> Answer:
        try:
            return await self._handle(service, request, given)
        except Refused as refused:
            return refusal(refused)
        except Exception:  # the root of a request: its cause is logged, and never told outside
            incident = new_incident()
            log.exception("request_failed", incident=incident, block=service.name)
            status = "error_internal_server_error"
            return refusal(Refused(status, statuses.detail(status, incident)))

    async def _handle(self, service: Service, request: ApiRequest, given: dict[str, str]) -> Answer:
        """The documented order of evaluation; the first rule that is broken decides.

        What could be read of the request is put into ``given``.
        """
        if request.method not in ("GET", "POST"):
            raise Refused("error_invalid_http_method")
        if request.body is None:
            raise Refused("error_malformed_params")
        read = params.read(request.query, request.body, request.content_type)
        given.update(trimmed(service.declared, read))
        key = idempotency.read_key(request.keys, given)
        check_present(service.declared, given)
        application = await self._directory.authenticate(given)
        service.rate_limit.take(application.app_id)
        arrived_s = request.arrived_s
        if key is None:
            asked = Asked(application, given, None, request.operator)
            return success(await service.act(asked, arrived_s))
        named = idempotency.request_key(key, service.declared.path, given)
        asked = Asked(application, given, named, request.operator)
        return await self._replies.once(
            application.app_id,
            named,
            lambda: service.act(asked, arrived_s),
            act_keeps=service.keeps,
        )
