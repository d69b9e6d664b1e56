"""Requests with an idempotency key: carried out once, answered as often as they are sent.

A reply is kept before it is given. That of an accepted block is written by the call, in the transaction
of the acceptance itself; everything else is written here. Of requests that arrive while the first one
is still being carried out, each waits for it and gets its reply.

What one process cannot see is a request with the same key that another process is carrying out at this
very moment. Both would be carried out, as without a key; the reply that is kept is the earlier one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog

from onhook.api.answer import Answer, refusal, success
from onhook.blocks import Refused, RequestKey
from onhook.blocks.idempotency import REPLAYED_HEADER, TRY_AGAIN
from onhook.calls.kept_replies import kept, now_ms
from onhook.store import Store, Writes
from onhook.store.kept_replies import forget_replies, kept_reply

log = structlog.get_logger()

_FORGET_EVERY_S = 3600.0

Act = Callable[[], Awaitable[Mapping[str, object]]]
"""Carries a request out; what it returns joins the reply. Raises :class:`Refused`."""


@dataclass(frozen=True, slots=True)
class _Flight:
    """A request that is being carried out; ``answer`` is cancelled if it came to none."""

    digest: str
    answer: "asyncio.Future[Answer]"


class KeptReplies:
    """Carries requests out at most once for each key of each application."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._flights: dict[tuple[str, str], _Flight] = {}

    async def once(self, app_id: str, key: RequestKey, act: Act, *, act_keeps: bool) -> Answer:
        """The reply to the request of this key: a new one, or again the one that it had before.

        ``act_keeps`` says that ``act`` writes the reply of a success itself, with what it does.
        Raises :class:`Refused` with ``error_idempotency_key_reused``, and what else ``act`` raises.
        """
        place = app_id, key.key
        while (flight := self._flights.get(place)) is not None:
            if flight.digest != key.digest:
                raise Refused("error_idempotency_key_reused")
            await asyncio.wait((flight.answer,))
            if not flight.answer.cancelled():
                return _again(flight.answer.result().body)
        flight = _Flight(key.digest, asyncio.get_running_loop().create_future())
        self._flights[place] = flight
        try:
            answer = await self._kept_or_new(app_id, key, act, act_keeps)
            flight.answer.set_result(answer)
            return answer
        finally:
            flight.answer.cancel()
            del self._flights[place]

    async def forget_old(self) -> None:
        """Removes what is a day old, now and every hour. Does not return.

        Nothing depends on it but the size of the database: an old reply counts as none.
        """
        while True:
            try:
                forgotten = await forget_replies(self._store, now_ms())
                if forgotten:
                    log.info("idempotent_replies_forgotten", count=forgotten)
            except Exception:  # the root of a background task
                log.exception("idempotent_replies_not_forgotten")
            await asyncio.sleep(_FORGET_EVERY_S)

    async def _kept_or_new(self, app_id: str, key: RequestKey, act: Act, act_keeps: bool) -> Answer:
        known = await kept_reply(self._store, app_id, key.key, now_ms())
        if known is not None:
            if known.digest != key.digest:
                raise Refused("error_idempotency_key_reused")
            return _again(known.reply)
        try:
            answer = success(await act())
        except Refused as refused:
            answer = refusal(refused)
            if refused.status in TRY_AGAIN:
                return answer
        else:
            if act_keeps:
                return answer
        await self._store.submit(Writes(replies=(kept(app_id, key, answer.body),)))
        return answer


def _again(body: Mapping[str, object]) -> Answer:
    return Answer(body, {REPLAYED_HEADER: "true"})
