"""How trunks are, as the server that looks after them wrote it down last; for people and for programs."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from onhook.cli.moments import text_of
from onhook.cli.opening import opened
from onhook.store.trunk_states import TrunkState, trunk_states
from onhook.store.trunks import all_trunks

COLUMNS = ("state", "registered until", "last answer", "round trip", "failures")
"""What a table of many says of each."""

Health = Mapping[str, Any]

_MISSED = 3
"""So many OPTIONS in a row without an answer, and a server that lives had said so."""
_WRITTEN_S = 30
"""What a server knows is in the store by then."""


async def health_of_all(data: Path, database_url: str | None = None) -> dict[str, Health]:
    """What is known of each trunk, by its name; one that no server has looked after is left out."""
    async with opened(data, database_url) as (store, _):
        now_ms = round(time.time() * 1000)
        pings = {trunk.name: trunk.ping_s for trunk in await all_trunks(store)}
        states = await trunk_states(store)
        return {one.trunk: shown(one, now_ms, pings.get(one.trunk, 0)) for one in states}


def shown(state: TrunkState, now_ms: int, ping_s: int = 0) -> Health:
    """Under the names of ``--json``. The server that wrote it may be gone: a registration whose time is
    over is none, and of a trunk that should have answered an OPTIONS long ago nobody knows."""
    until_ms = state.registered_until_ms
    lapsed = until_ms is not None and until_ms < now_ms
    unheard_ms = now_ms - (state.answered_ms or now_ms)
    unasked = bool(ping_s) and unheard_ms > (_MISSED * ping_s + _WRITTEN_S) * 1000
    trip_us = state.round_trip_us
    return {
        "up": False if lapsed else None if unasked and state.up else state.up,
        "registered_until": text_of(until_ms) or None if not lapsed else None,
        "last_answer": text_of(state.answered_ms) or None,
        "round_trip_ms": None if trip_us is None else round(trip_us / 1000, 1),
        "failures": state.failures,
        "sip_code": state.sip_code or None,
        "hint": state.hint,
        "worker": state.worker,
    }


def cells(health: Health | None) -> Sequence[str]:
    """The row of a table under ``COLUMNS``; empty where nobody has looked after it yet."""
    if health is None:
        return [""] * len(COLUMNS)
    trip_ms = health["round_trip_ms"]
    return (
        _state(health),
        health["registered_until"] or "",
        health["last_answer"] or "",
        "" if trip_ms is None else f"{trip_ms:g} ms",
        str(health["failures"]),
    )


def rows(health: Health | None) -> Sequence[tuple[str, str]]:
    """Names and values for the table of one trunk."""
    if health is None:
        return ()
    found = list(zip(COLUMNS, cells(health), strict=True))
    return [*found, ("looked after by", health["worker"]), ("what is wrong", health["hint"])]


def _state(health: Health) -> str:
    if health["up"] is None:
        return "unknown"
    if health["up"]:
        return "up"
    return f"down ({health['sip_code'] or 'no answer'})" if health["failures"] else "down"
