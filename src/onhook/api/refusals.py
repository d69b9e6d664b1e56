"""Requests for a call that were refused: kept with the call, so that one sees what was asked in vain.

Of each call `PER_CALL` are kept, the same one made again and again as one that is counted. Whoever knows a
session may be kept with it, right credentials or not: sessions cannot be guessed.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace

import structlog

from onhook.api.answer import Answer
from onhook.blocks.idempotency import REPLAYED_HEADER
from onhook.calls import clock
from onhook.calls.identifiers import is_session
from onhook.store import RefusedRequest, Store, Writes

log = structlog.get_logger()

PER_CALL = 20
COUNTED = 1000
"""So often the same refusal is counted; what is beyond costs nothing."""
CALLS = 2000
"""Of so many calls the refusals are remembered. Of one that was forgotten the first are written over."""
_DETAIL_CHARS = 500
_FOUND = ("error_session_ended", "error_session_access_denied")
"""Who is refused with these has named a call that is stored, if not one that is going on."""


class Refusals:
    """Keeps them.

    `live` tells the session of a call that is going on from the parameters of a request; of all that are for
    such a call `seen` hears: its session, the path, when it arrived (monotonic), the status.
    """

    def __init__(
        self,
        store: Store,
        live: Callable[[Mapping[str, str]], str | None],
        seen: Callable[[str, str, float, str], None] | None = None,
    ) -> None:
        self._store = store
        self._live = live
        self._seen = seen
        self._last: OrderedDict[str, RefusedRequest] = OrderedDict()

    def note(self, given: Mapping[str, str], path: str, answer: Answer, arrived_s: float) -> None:
        """A request with these parameters was refused; if it was for a call, that is kept."""
        if REPLAYED_HEADER in answer.headers:
            return
        session = self._live(given)
        if self._seen is not None and session is not None:
            self._seen(session, path, arrived_s, answer.status)
        if session is None and answer.status in _FOUND and is_session(given.get("session", "")):
            session = given["session"]
        if session is not None:
            self._keep(session, path, answer)

    def _keep(self, session: str, path: str, answer: Answer) -> None:
        last = self._last.get(session)
        status, detail = answer.status, str(answer.body.get("detail", ""))[:_DETAIL_CHARS]
        if last is not None and (last.path, last.status, last.detail) == (path, status, detail):
            if last.times >= COUNTED:
                return
            kept = replace(last, times=last.times + 1)
        elif last is not None and last.number >= PER_CALL:
            return
        else:
            number = last.number + 1 if last is not None else 1
            at_ms = clock.wall_ms(clock.now_s())
            kept = RefusedRequest(session, number, at_ms, path, status, detail)
        self._last[session] = kept
        self._last.move_to_end(session)
        if len(self._last) > CALLS:
            self._last.popitem(last=False)
        self._store.submit(Writes(refused=(kept,))).add_done_callback(_written)


def _written(future: "asyncio.Future[None]") -> None:
    """Nobody waits for it; what the database refuses is missing from a report, and no more."""
    if not future.cancelled() and (error := future.exception()) is not None:
        log.warning("refusal_not_kept", error=type(error).__name__)
