"""Which processes run as long as the server does."""

from typing import Final, NamedTuple

PLANE: Final = "plane"
OLD_PLANE: Final = "old-plane"
"""A media plane of before a reload, whose version talks to switches in another way: it keeps its calls to
their end."""
SWITCH: Final = "switch"
DELIVERIES: Final = "deliveries"
SPARE: Final = "spare"


class Role(NamedTuple):
    """`module` is run as a program, and takes its place by `onhook.processes.membership`."""

    name: str
    module: str
    spare: str = ""
    """The module of the process that stands by for it, and forks the next one (`onhook.processes.spare`)."""


ROLES: Final = (
    Role(PLANE, "onhook.server.plane_process"),
    Role(SWITCH, "onhook.server.switch_process", "onhook.server.spare_process"),
    Role(DELIVERIES, "onhook.server.deliveries_process"),
)
"""In the order in which they are started, side by side."""

ASIDE: Final = Role(OLD_PLANE, "onhook.server.plane_process")
"""Where there is one, and it dies, another plane has its calls."""


def pause_s(deaths_in_a_row: int) -> float:
    """How long to wait before what died is started again: not at all the first time (`Restarts`)."""
    return _PAUSES_S[min(deaths_in_a_row, len(_PAUSES_S)) - 1]


LASTING_S: Final = 60.0
"""Deaths that are longer ago than this count no more."""
_PAUSES_S: Final = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
