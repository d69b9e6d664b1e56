"""Calls with whose events a process died again and again (`onhook.at_hand`): which, and by what event."""

from collections.abc import Mapping
from typing import Final, get_args

import structlog

from onhook import at_hand
from onhook import call as machine
from onhook.call import Event
from onhook.store import CallRecord

log = structlog.get_logger()

_ADOPTED: Final = "Adopted"
_NAMES: Final = (_ADOPTED, *sorted(each.__name__ for each in get_args(machine.Event)))

KINDS: Final[Mapping[type[Event], int]] = {
    each: _NAMES.index(each.__name__) for each in get_args(machine.Event)
}
"""The number of each event."""
ADOPTED: Final = _NAMES.index(_ADOPTED)
"""That of being taken over from a process that died."""


def log_if_poisonous(record: CallRecord) -> bool:
    """Whether a call is to be ended since it would take this process down, too; then the log says so."""
    suspects = at_hand.suspects()
    if record.session not in suspects:
        return False
    kind = suspects.kind(record.session)
    event = _NAMES[kind] if kind < len(_NAMES) else ""  # of another version
    log.error(
        "call_poisonous", session=record.session, state=record.state, doing=event, cause="crash"
    )
    return True
