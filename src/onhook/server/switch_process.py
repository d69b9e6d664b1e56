"""The program of the switch: takes its place among the processes of the server, and runs."""

import sys
from collections.abc import Callable

from onhook import at_hand
from onhook.processes.membership import Membership


def load() -> Callable[[Membership], int]:
    """Imports all that a switch needs, which takes most of a second, and gives what runs it then."""
    from onhook.server.lean_imports import keep_out

    keep_out()
    import uvloop

    from onhook.server.logs import configure_logs
    from onhook.server.settings_handed import restored
    from onhook.server.start_error import StartError
    from onhook.server.supervised import Supervised
    from onhook.server.switch import Superseded, Switch

    def run(member: Membership) -> int:
        """Runs the switch; why it cannot is told the supervisor."""
        settings = restored(member.settings)
        at_hand.share(member.memory[0], member.suspects)
        configure_logs(member.role, private=settings.log_private)
        try:
            uvloop.run(Switch(settings, Supervised(member)).run())
        except (StartError, Superseded) as error:
            member.failed(str(error), lasting=isinstance(error, Superseded))
            return 1
        return 0

    return run


def main() -> int:
    """Runs the switch in a process of its own."""
    run = load()
    return run(Membership.join())


if __name__ == "__main__":
    sys.exit(main())
