"""Replies that are kept under the idempotency key of their request, to be given again."""

import math
from collections.abc import Mapping

from onhook.blocks import RequestKey, statuses
from onhook.calls.clock import SettledClock
from onhook.store import IdempotentReply

_KEPT_BY = SettledClock(math.inf)


def accepted(
    app_id: str, key: RequestKey | None, reply: Mapping[str, object]
) -> tuple[IdempotentReply, ...]:
    """What is to be written with an accepted request: its reply, if it came with a key."""
    return () if key is None else (kept(app_id, key, {"status": statuses.SUCCESS, **reply}),)


def kept(app_id: str, key: RequestKey, body: Mapping[str, object]) -> IdempotentReply:
    """The reply ``body`` to the request of this key, to be stored."""
    return IdempotentReply(app_id, key.key, key.digest, body, now_ms())


def now_ms() -> int:
    """Unix time by a clock that is not set while this process runs: a key is not forgotten by that."""
    return round(_KEPT_BY.now() * 1000)
