"""Whether a trunk is there, as the server that looks after it wrote it down last. Pure."""

from typing import Final

from onhook.store.trunk_states import TrunkState

_MISSED: Final = 3
"""So many OPTIONS in a row without an answer, and a server that lives had said so."""
_WRITTEN_S: Final = 30
"""What a server knows is in the store by then."""


def is_registered(state: TrunkState, now_ms: int) -> bool:
    """Whether its registration still counts, if it has one."""
    return state.registered_until_ms is None or state.registered_until_ms >= now_ms


def is_up(state: TrunkState, now_ms: int, ping_s: int = 0) -> bool | None:
    """None while nobody knows. The server that wrote it may be gone: a registration whose time is over is
    none, and of a trunk that should have answered an OPTIONS long ago nobody knows."""
    if not is_registered(state, now_ms):
        return False
    unheard_ms = now_ms - (state.answered_ms or now_ms)
    unasked = bool(ping_s) and unheard_ms > (_MISSED * ping_s + _WRITTEN_S) * 1000
    return None if unasked and state.up else state.up


def in_words(up: bool | None, failures: int, sip_code: int | None) -> str:
    """``up``, ``down``, why, or ``unknown``."""
    if up is None:
        return "unknown"
    if up:
        return "up"
    return f"down ({sip_code or 'no answer'})" if failures else "down"
