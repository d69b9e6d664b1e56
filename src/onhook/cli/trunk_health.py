"""How trunks are, as the server that looks after them wrote it down last; for people and for programs."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from onhook.administration.trunk_health import in_words, is_registered, is_up
from onhook.cli.moments import text_of
from onhook.cli.opening import opened
from onhook.store.trunk_states import TrunkState, trunk_states
from onhook.store.trunks import all_trunks

COLUMNS = ("state", "registered until", "last answer", "round trip", "failures")
"""What a table of many says of each."""

Health = Mapping[str, Any]


async def health_of_all(data: Path, database_url: str | None = None) -> dict[str, Health]:
    """What is known of each trunk, by its name; one that no server has looked after is left out."""
    async with opened(data, database_url) as (store, _):
        now_ms = round(time.time() * 1000)
        pings = {trunk.name: trunk.ping_s for trunk in await all_trunks(store)}
        states = await trunk_states(store)
        return {one.trunk: shown(one, now_ms, pings.get(one.trunk, 0)) for one in states}


def shown(state: TrunkState, now_ms: int, ping_s: int = 0) -> Health:
    """Under the names of ``--json``."""
    until_ms = state.registered_until_ms if is_registered(state, now_ms) else None
    trip_us = state.round_trip_us
    return {
        "up": is_up(state, now_ms, ping_s),
        "registered_until": text_of(until_ms) or None,
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
    return in_words(health["up"], health["failures"], health["sip_code"])
