"""Which processes run as long as the server does."""

from typing import Final, NamedTuple

SWITCH: Final = "switch"


class Role(NamedTuple):
    """`module` is run as a program, and takes its place by `onhook.processes.membership`."""

    name: str
    module: str


ROLES: Final = (
    Role("plane", "onhook.server.plane_process"),
    Role(SWITCH, "onhook.server.switch_process"),
    Role("deliveries", "onhook.server.deliveries_process"),
)
"""In the order in which they are started, side by side."""


def pause_s(deaths_in_a_row: int) -> float:
    """How long to wait before what died is started again: not at all the first time (`Restarts`)."""
    return _PAUSES_S[min(deaths_in_a_row, len(_PAUSES_S)) - 1]


LASTING_S: Final = 60.0
"""Deaths that are longer ago than this count no more."""
_PAUSES_S: Final = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
