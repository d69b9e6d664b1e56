"""The process that stands by for another: it has loaded that one's program, and forks it."""

import signal
from collections.abc import Callable, Sequence

from onhook.server.supervisor.child import Child
from onhook.server.supervisor.log import log
from onhook.server.supervisor.roles import SPARE, Role
from onhook.server.supervisor.starting import Process, forked


class StandingBy:
    """For the first of `roles` that has a spare, if any has; `running` gives the process, if there is one."""

    def __init__(self, roles: Sequence[Role], running: Callable[[], Child | None]) -> None:
        self.whom = next((role for role in roles if role.spare), None)
        """The role for which a process stands by."""
        self.role = Role(SPARE, self.whom.spare if self.whom else "")
        """Its own."""
        self._running = running

    def forked(self, role: Role) -> Process | None:
        """A new process for a role; None where nobody stands by for it who is ready, and does it."""
        spare = self._running()
        if role is not self.whom or spare is None or not spare.ready:
            return None
        try:
            return forked(spare.send)
        except OSError as error:
            spare.ready = False
            log("spare_unusable", "warning", pid=spare.pid, reason=str(error))
            spare.signal(signal.SIGKILL)
            return None
